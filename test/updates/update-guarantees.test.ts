import fc from 'fast-check'
import { WithStartWorkflowOperation, WorkflowExecutionAlreadyStartedError } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RecordKind } from '../../runtime/journal.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { EngineHost, type EngineOptions } from '../fixtures/engine-host.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Gate } from '../fixtures/gated-journal.ts'
import { bundleOf, Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  account,
  clocked,
  deposit,
  finish,
  firstTurn,
  gated,
  open,
  put,
  spin,
  spinning,
  total,
  trace,
} from '../fixtures/updates.ts'

const code = 'updates.ts'

async function openEngine(store: MemoryJournalStore, options?: EngineOptions) {
  const gate = new Gate()
  const journal = gate.before(openMemoryJournal(store))
  const host = await EngineHost.open(journal, await bundleOf(code), options)
  onTestFinished(() => {
    gate.release()
    return host.close()
  })
  return { client: host.client, gate, host }
}

/** Whether a promise has settled by now, and how. */
function watch(promise: Promise<unknown>): { readonly state: string } {
  const watched = { state: 'pending' }
  promise.then(
    () => (watched.state = 'resolved'),
    () => (watched.state = 'rejected'),
  )
  return watched
}

const macrotasks = async (): Promise<void> => {
  for (const _ of numbers(20)) await new Promise((resolve) => setImmediate(resolve))
}

describe('durable before visible', () => {
  test('no stage is told before the journal has it', async () => {
    const store = new MemoryJournalStore()
    const { client, gate } = await openEngine(store)
    const handle = await client.start(account, { workflowId: 'w' })
    gate.hold()
    const admitted = handle.startUpdate(gated, {
      args: ['a'],
      updateId: 'u',
      waitForStage: 'ADMITTED',
    })
    const told = watch(admitted)
    await macrotasks()
    expect(told.state).toBe('pending')
    gate.release()
    await admitted
    await handle.startUpdate(gated, { args: ['a'], updateId: 'u', waitForStage: 'ACCEPTED' })
    gate.holdWhen(({ records }) => records.some(({ kind }) => kind === RecordKind.commands))
    const outcome = handle.getUpdateHandle<string>('u').result()
    const heard = watch(outcome)
    await handle.signal(open)
    await eventually('the outcome is on its way to the journal', () => gate.waiting > 0)
    await macrotasks()
    expect(heard.state).toBe('pending')
    gate.release()
    expect(await outcome).toBe('a through')
  })

  test('an update that was accepted and not finished goes on after a crash', async () => {
    const store = new MemoryJournalStore()
    const before = await openEngine(store)
    const first = await before.client.start(account, { workflowId: 'w' })
    await first.startUpdate(gated, { args: ['a'], updateId: 'u', waitForStage: 'ACCEPTED' })
    // Its outcome is made, and never gets into the journal.
    before.gate.holdWhen(({ records }) => records.some(({ kind }) => kind === RecordKind.commands))
    const lost = watch(first.getUpdateHandle('u').result())
    await first.signal(open)
    await eventually('the outcome is on its way', () => before.gate.waiting > 0)
    expect(lost.state).toBe('pending')
    const { client } = await openEngine(store)
    const handle = client.getHandle<typeof account>('w')
    expect(await handle.getUpdateHandle('u').result()).toBe('a through')
    expect(await handle.query(trace)).toEqual(['gated a', 'through a'])
    const { events } = await handle.fetchHistory()
    const kinds = events.map(({ eventType }) => eventType.replace('EVENT_TYPE_WORKFLOW_', ''))
    expect(kinds.filter((kind) => kind.includes('UPDATE'))).toEqual([
      'EXECUTION_UPDATE_ACCEPTED',
      'EXECUTION_UPDATE_COMPLETED',
    ])
  })

  test('when storage fails nobody is told that an update was done', async () => {
    const store = new MemoryJournalStore()
    const { client, gate } = await openEngine(store)
    const handle = await client.start(account, { workflowId: 'w' })
    await handle.startUpdate(gated, { args: ['a'], updateId: 'u', waitForStage: 'ACCEPTED' })
    const waiting = handle.getUpdateHandle('u').result()
    waiting.catch(() => undefined)
    gate.hold()
    const first = handle.executeUpdate(deposit, { args: [1], updateId: 'd' })
    await eventually('it is being written', () => gate.waiting > 0)
    const second = handle.executeUpdate(deposit, { args: [2] })
    gate.fail(new Error('no space left'))
    await expect(first).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_INDETERMINATE' })
    await expect(second).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_RUNTIME_POISONED' })
    await expect(waiting).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_INDETERMINATE' })
    const again = await openEngine(store)
    const after = again.client.getHandle<typeof account>('w')
    expect(await after.executeUpdate(deposit, { args: [1], updateId: 'd' })).toBe(1)
    expect(await after.query(total)).toBe(1)
  })
})

describe('one outcome for an update id', () => {
  type Step =
    | { readonly do: 'update'; readonly id: number; readonly amount: number }
    | { readonly do: 'put'; readonly amount: number }
    | { readonly do: 'crash' }
    | { readonly do: 'race'; readonly id: number; readonly amount: number }
  const amount = fc.integer({ min: -2, max: 12 })
  const id = fc.integer({ min: 0, max: 5 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('update' as const), id, amount }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('put' as const), amount }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('race' as const), id, amount }) },
  )

  test('whatever is asked again, in whatever order, across crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const store = new MemoryJournalStore()
        const bundle = await bundleOf(code)
        const hosts: EngineHost[] = []
        const reopen = async () => {
          const host = await EngineHost.open(openMemoryJournal(store), bundle, {
            slots: 1,
            // Every other workflow drives this one out of memory.
            limits: { maxCachedWorkflows: 1 },
          })
          hosts.push(host)
          return host.client
        }
        try {
          let client = await reopen()
          await client.start(account, { workflowId: 'w' })
          await client.start(account, { workflowId: 'other' })
          const outcomes = new Map<number, string>()
          let sum = 0
          const seen: string[] = []
          const expected = (n: number, add: number): string => {
            const known = outcomes.get(n)
            if (known !== undefined) return known
            if (add >= 0) {
              sum += add
              seen.push(`deposit ${add}`)
            }
            const outcome = add < 0 ? `refused ${add}` : String(sum)
            outcomes.set(n, outcome)
            return outcome
          }
          for (const one of steps) {
            const handle = client.getHandle<typeof account>('w')
            const ask = (n: number, add: number): Promise<string> =>
              handle
                .executeUpdate(deposit, { args: [add], updateId: `u${n}` })
                .then(String, (error: Error & { cause: Error }) => error.cause.message)
            if (one.do === 'update') {
              expect(await ask(one.id, one.amount)).toBe(expected(one.id, one.amount))
            } else if (one.do === 'race') {
              const all = await Promise.all(numbers(4).map(() => ask(one.id, one.amount)))
              expect(new Set(all)).toEqual(new Set([expected(one.id, one.amount)]))
            } else if (one.do === 'put') {
              await handle.signal(put, one.amount)
              sum += one.amount
              seen.push(`put ${one.amount}`)
            } else client = await reopen()
            await client.getHandle<typeof account>('other').query(total)
          }
          const handle = client.getHandle<typeof account>('w')
          expect(await handle.query(trace)).toEqual(seen)
          expect(await handle.query(total)).toBe(sum)
          const { events } = await handle.fetchHistory()
          expect((await handle.describe()).historyLength).toBe(events.length)
        } finally {
          for (const host of hosts) await host.close()
        }
      }),
      { numRuns: 12 },
    )
  })

  test('of a history that takes several slices to load', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code, limits: { slotWindowBytes: 20_000 } })
    const handle = await client.workflow.start(clocked, { workflowId: 'w' })
    await Promise.allSettled(
      numbers(1_500).map((n) =>
        n % 5 === 4
          ? handle.signal(put, n)
          : handle.executeUpdate(deposit, { args: [n % 2 === 0 ? n : -n], updateId: `u${n}` }),
      ),
    )
    const seen = await handle.query(trace)
    expect(seen.length).toBeGreaterThan(600)
    const again = await lab.reopen({ code, limits: { slotWindowBytes: 20_000 } })
    const after = again.client.workflow.getHandle<typeof clocked>('w')
    expect(await after.query(trace)).toEqual(seen)
    const { events } = await after.fetchHistory()
    expect((await after.describe()).historyLength).toBe(events.length)
  })
})

describe('update with start', () => {
  const operation = (workflowId: string, conflict: 'FAIL' | 'USE_EXISTING' = 'USE_EXISTING') =>
    new WithStartWorkflowOperation(account, { workflowId, workflowIdConflictPolicy: conflict })

  test('is atomic: one run starts however many race, and each update is in it once', async () => {
    const { client } = await openRuntime({ code })
    const operations = numbers(20).map(() => operation('w'))
    const sums = await Promise.all(
      operations.map((startWorkflowOperation) =>
        client.workflow.executeUpdateWithStart<typeof account, number, [number]>(deposit, {
          args: [1],
          startWorkflowOperation,
        }),
      ),
    )
    expect(sums.toSorted((a, b) => a - b)).toEqual(numbers(20, 1))
    const handles = await Promise.all(operations.map((one) => one.workflowHandle()))
    expect(new Set(handles.map(({ signaledRunId }) => signaledRunId)).size).toBe(1)
  })

  test('gives the update to the first turn', async () => {
    const { client } = await openRuntime({ code })
    const startWorkflowOperation = new WithStartWorkflowOperation(firstTurn, {
      workflowId: 'w',
      workflowIdConflictPolicy: 'FAIL',
    })
    const options = { args: [7], updateId: 'u', startWorkflowOperation } as const
    const update = await client.workflow.startUpdateWithStart<typeof firstTurn, number, [number]>(
      deposit,
      { ...options, args: [7], waitForStage: 'COMPLETED' },
    )
    expect(await update.result()).toBe(7)
    const handle = await startWorkflowOperation.workflowHandle()
    expect(await handle.result()).toBe(7)
    const { events } = await handle.fetchHistory()
    expect(events[4]?.eventType).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED')
    await expect(
      client.workflow.executeUpdateWithStart(deposit, { args: [7], startWorkflowOperation }),
    ).rejects.toThrow('has already been executed')
  })

  test('joins its first attempt, also once the run has closed', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code })
    const first = operation('w', 'FAIL')
    const ask = { args: [7] as [number], updateId: 'u' }
    await client.workflow.executeUpdateWithStart(deposit, {
      ...ask,
      startWorkflowOperation: first,
    })
    const handle = await first.workflowHandle()
    await handle.signal(finish)
    await handle.result()
    const again = await lab.reopen({ code })
    const second = operation('w', 'FAIL')
    expect(
      await again.client.workflow.executeUpdateWithStart(deposit, {
        ...ask,
        startWorkflowOperation: second,
      }),
    ).toBe(7)
    expect((await second.workflowHandle()).signaledRunId).toBe(handle.signaledRunId)
  })

  test('obeys the conflict policy, which must be given', async () => {
    const { client } = await openRuntime({ code })
    await client.workflow.start(account, { workflowId: 'w' })
    const refused = operation('w', 'FAIL')
    await expect(
      client.workflow.executeUpdateWithStart(deposit, {
        args: [1],
        startWorkflowOperation: refused,
      }),
    ).rejects.toThrow(WorkflowExecutionAlreadyStartedError)
    await expect(refused.workflowHandle()).rejects.toThrow(WorkflowExecutionAlreadyStartedError)
    const silent = new WithStartWorkflowOperation(account, { workflowId: 'w' } as never)
    await expect(
      client.workflow.executeUpdateWithStart(deposit, {
        args: [1],
        startWorkflowOperation: silent,
      }),
    ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' })
    const rejected = operation('new')
    await expect(
      client.workflow.executeUpdateWithStart(deposit, {
        args: [-1],
        startWorkflowOperation: rejected,
      }),
    ).rejects.toMatchObject({ cause: { message: 'refused -1' } })
    expect(await (await rejected.workflowHandle()).query(total)).toBe(0)
  })
})

describe('bounds and bad workflows', () => {
  test('updates in flight, and updates of a run, have a bound', async () => {
    const limits = { maxUpdatesInFlight: 2, maxUpdatesPerRun: 4 }
    const lab = await Lab.create()
    const { client } = await lab.open({ code, limits })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const start = (updateId: string) =>
      handle.startUpdate(gated, { args: [updateId], updateId, waitForStage: 'ACCEPTED' })
    await start('u-1')
    await start('u-2')
    await expect(start('u-3')).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_MAILBOX_FULL' })
    await start('u-1')
    await handle.signal(open)
    await handle.getUpdateHandle('u-2').result()
    await handle.executeUpdate(deposit, { args: [1], updateId: 'u-4' })
    const { client: later } = await lab.reopen({ code, limits })
    const after = later.workflow.getHandle<typeof account>('w')
    await after.executeUpdate(deposit, { args: [-1] }).catch(() => undefined)
    await expect(after.executeUpdate(deposit, { args: [1] })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_UPDATE_LIMIT',
    })
    expect(await after.executeUpdate(deposit, { args: [9], updateId: 'u-4' })).toBe(1)
  })

  test('an update that hangs its worker is admitted and no more, and other workflows go on', async () => {
    const { client } = await openRuntime({
      code,
      slots: 1,
      limits: { deadlockTimeoutMs: 300, maxStrikes: 2, parkBackoffMs: 10 },
    })
    const other = await client.workflow.start(account, { workflowId: 'other' })
    const handle = await client.workflow.start(spinning, { workflowId: 'w' })
    const update = await handle.startUpdate(spin, { waitForStage: 'ADMITTED' })
    const told = watch(update.result())
    await eventually('quarantined', async () => (await handle.describe()).quarantined)
    expect(await other.executeUpdate(deposit, { args: [1] })).toBe(1)
    expect(told.state).toBe('pending')
    await handle.terminate()
    await expect(update.result()).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
      message: 'workflow update was aborted by closing workflow',
    })
  })
})
