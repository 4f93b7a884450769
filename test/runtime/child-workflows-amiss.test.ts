import type { WorkflowClient } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { openEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import {
  asksAmiss,
  basket,
  cancelsRolling,
  clan,
  done,
  give,
  kin,
  noted,
  onCue,
  rolls,
  signalsGone,
  startsMany,
  step,
  stumbles,
  writesTo,
} from '../fixtures/family.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'

const code = 'family.ts'
const notFound =
  'ApplicationFailure(ExternalWorkflowExecutionNotFound): ' +
  'Unable to signal external workflow because it was not found'

describe('a turn that asks for too much', () => {
  test('is parked, and passes when children have ended', async () => {
    const limits = { maxPendingChildren: 3, parkBackoffMs: 20, parkBackoffMaxMs: 20 }
    const { client } = await openRuntime({ code, limits })
    const parent = await client.workflow.start(startsMany, { workflowId: 'p', args: [5] })
    const { parked } = await eventually('it is parked', async () => {
      const found = await parent.describe()
      return found.parked !== undefined && found
    })
    expect(parked?.reason).toContain('SIGNALBOX_ERR_PENDING_LIMIT')
    expect(parked?.reason).toContain('maxPendingChildren = 3')
    expect((await parent.describe()).pendingChildren).toHaveLength(3)
    for (const n of numbers(5)) {
      const child = client.workflow.getHandle<typeof basket>(`b${n}`)
      await eventually('the child is there', () =>
        child.signal(done).then(
          () => true,
          () => false,
        ),
      )
    }
    expect(await parent.result()).toBe(5)
  })

  test('of signals is parked before one of them is sent', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ code, limits: { maxPendingSignals: 4 } })
    await client.workflow.start(basket, { workflowId: 'b' })
    const sender = await client.workflow.start(writesTo, {
      workflowId: 'w',
      args: [['b', 'b', 'b', 'b', 'b']],
    })
    await eventually('it is parked', async () => {
      return (await sender.describe()).parked?.reason.includes('maxPendingSignals = 4')
    })
    const again = await lab.reopen({ code })
    expect(await again.client.workflow.getHandle('w').result()).toHaveLength(5)
    const target = again.client.workflow.getHandle<typeof basket>('b')
    await target.signal(done)
    expect(await target.result()).toEqual([0, 1, 2, 3, 4])
  })

  test.each([
    ['an empty workflow id', '', 1, 'WorkflowId is not set'],
    ['a workflow id that is too long', 'x'.repeat(1_001), 1, 'WorkflowId is longer'],
    ['arguments that are too large', 'c', 5_000, 'maxPayloadBytes = 4096'],
  ])('or for %s, is parked with the reason', async (_what, workflowId, bytes, reason) => {
    const { client } = await openRuntime({ code, limits: { maxPayloadBytes: 4_096 } })
    const parent = await client.workflow.start(asksAmiss, {
      workflowId: 'p',
      args: [workflowId, bytes],
    })
    await eventually('it is parked', async () => {
      return (await parent.describe()).parked?.reason.includes(reason)
    })
    await parent.terminate()
  })
})

test('a parked target takes signals, and handles them once its code is mended', async () => {
  const { client } = await openRuntime({ code })
  const target = await client.workflow.start(stumbles, { workflowId: 't' })
  await target.signal(give, -1)
  await eventually('it is parked', async () => (await target.describe()).parked)
  const sender = await client.workflow.start(writesTo, { workflowId: 'w', args: [['t']] })
  expect(await sender.result()).toEqual(['t has it'])
  expect((await target.describe()).mailboxDepth).toBe(2)
})

test('a child that continues as new is cancelled as the run that it is now', async () => {
  const { client } = await openRuntime({ code })
  const parent = await client.workflow.start(cancelsRolling, { workflowId: 'p' })
  const child = client.workflow.getHandle<typeof rolls>('rolling')
  for (const left of [3, 2]) {
    await eventually(`it is at ${left}`, async () => {
      const now = await child.query<{ left: number }>(kin as never).catch(() => undefined)
      return now?.left === left
    })
    await child.signal(step, 'again')
  }
  const { runId } = await parent.describe()
  await eventually('its last run knows its parent', async () => {
    const now = await child
      .query<{ left: number; parent?: { runId: string } }>(kin as never)
      .catch(() => undefined)
    return now?.left === 1 && now.parent?.runId === runId
  })
  await parent.signal(step, 'cancel')
  expect(await parent.result()).toBe('cancelled after 1')
})

test('a signal to a child does not reach another workflow that has its id now', async () => {
  const { client } = await openRuntime({ code })
  const parent = await client.workflow.start(signalsGone, { workflowId: 'p' })
  const child = client.workflow.getHandle<typeof basket>('taken')
  await eventually('the child is there', () =>
    child.signal(done).then(
      () => true,
      () => false,
    ),
  )
  await child.result()
  const other = await client.workflow.start(basket, { workflowId: 'taken' })
  await parent.signal(step, 'now')
  expect(await parent.result()).toBe(notFound)
  await other.signal(done)
  expect(await other.result()).toEqual([])
})

test('signals and closes that meet: the sender is told what is true', async () => {
  const { client } = await openRuntime({ code })
  for (const round of numbers(40)) {
    const [target, sender] = await Promise.all([
      client.workflow.start(basket, { workflowId: `t${round}` }),
      client.workflow.start(onCue, { workflowId: `s${round}`, args: ['signal', `t${round}`, [7]] }),
    ])
    const cues = [() => target.signal(done), () => sender.signal(step, 'now')]
    if (round % 2 === 1) cues.reverse()
    await Promise.all(cues.map((cue) => cue()))
    const given = await target.result()
    expect(given).toEqual((await sender.result()) === 'done' ? [7] : [])
  }
})

test.each(['at once', 'after a crash'])('a great family ends with its parent, %s', async (when) => {
  const store = new MemoryJournalStore()
  const before = await openEngine(openMemoryJournal(store), { slots: 2 }, code)
  onTestFinished(() => before.close())
  const head = await before.client.start(clan, { workflowId: 'f', args: [36, 1] })
  const all = 1 + 36 + 36 * 36
  const statuses = async (client: WorkflowClient): Promise<string[]> => {
    const found: string[] = []
    for await (const { status } of client.list()) found.push(status)
    return found
  }
  await eventually('all are there', async () => {
    return (await statuses(before.client)).length === all && (await head.query(noted))[0] === true
  })
  await head.terminate()
  let { client } = before
  if (when === 'after a crash') {
    store.breakDown(new Error('the process died here'))
    await eventually('it is dead', async () => {
      await client
        .getHandle('f')
        .signal('anything')
        .catch(() => undefined)
      await client.start(clan, { workflowId: 'x', args: [0, 0] }).catch(() => undefined)
      return before.engine.state === 'poisoned'
    })
    const after = await openEngine(openMemoryJournal(store), { slots: 2 }, code)
    onTestFinished(() => after.close())
    client = after.client
  }
  await eventually('all have ended', async () => {
    return (await statuses(client)).filter((status) => status === 'TERMINATED').length >= all
  })
  await eventually('nothing is left over', () => {
    return ![...store.rows.keys()].some((key) => key.startsWith('\u0006'))
  })
})
