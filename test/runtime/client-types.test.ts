import {
  type Client,
  defineQuery,
  defineSignal,
  defineUpdate,
  type SignalWithStartOptions,
  WithStartWorkflowOperation,
  type WorkflowHandle,
  type WorkflowStartOptions,
} from 'signalbox'
import { expectTypeOf, it } from 'vitest'

const order = async (id: string, cents?: number): Promise<number> => id.length + (cents ?? 0)
const fanIn = async (): Promise<string> => 'all'
const maybe = async (from?: number): Promise<number> => from ?? 0
const note = defineSignal<[points: number]>('note')
const reading = defineSignal<[sensor: string, value: number]>('reading')
const ping = defineSignal('ping')
const rename = defineUpdate<string, [to: string]>('rename')
const refresh = defineUpdate<number>('refresh')
const sum = defineQuery<number, [exact: boolean]>('sum')
const count = defineQuery<number>('count')

/** Checked by the compiler (`npm run check:types`) and never called. */
async function starts({ workflow }: Client): Promise<void> {
  const workflowId = 'w'
  const started = await workflow.start(order, { workflowId, args: ['a'] })
  expectTypeOf(started).toEqualTypeOf<WorkflowHandle<typeof order>>()
  expectTypeOf(await workflow.execute(order, { workflowId, args: ['a', 1] })).toBeNumber()
  await workflow.start(order, { workflowId, args: ['a'] as const })
  await workflow.start(fanIn, { workflowId })
  await workflow.start(fanIn, { workflowId, args: [] })
  await workflow.start(maybe, { workflowId })
  await workflow.start(maybe, { workflowId, args: [1] })
  await workflow.start('by name', { workflowId })
  await workflow.start('by name', { workflowId, args: [1, 'two'] })
  const values: unknown[] = []
  await workflow.start('by name', { workflowId, args: values })
  await workflow.start<typeof order>('order', { workflowId, args: ['a'] })
  // @ts-expect-error an argument has the wrong type
  await workflow.start(order, { workflowId, args: [123] })
  // @ts-expect-error an argument is missing
  await workflow.start(order, { workflowId, args: [] })
  // @ts-expect-error the arguments are missing
  await workflow.start(order, { workflowId })
  // @ts-expect-error there is one argument too many
  await workflow.execute(fanIn, { workflowId, args: [1] })
  // @ts-expect-error there are two arguments too many
  await workflow.execute(order, { workflowId, args: ['a', 1, 2, 3] })
  // @ts-expect-error the type says what the workflow of that name takes
  await workflow.start<typeof order>('order', { workflowId, args: [1] })
  // @ts-expect-error an option that there is not
  await workflow.start(fanIn, { workflowId, workflowTimeout: 1 })
  // @ts-expect-error options are needed
  await workflow.start(fanIn)
  expectTypeOf<WorkflowStartOptions<typeof order>['args'][0]>().toBeString()
}

async function signalsWithStart({ workflow }: Client): Promise<void> {
  const start = { workflowId: 'w', args: ['a'] } as const
  await workflow.signalWithStart(order, { ...start, signal: note, signalArgs: [1] })
  await workflow.signalWithStart(order, { ...start, signal: reading, signalArgs: ['a', 1] })
  await workflow.signalWithStart(order, { ...start, signal: ping })
  await workflow.signalWithStart(order, { ...start, signal: 'by name', signalArgs: [1, 'two'] })
  await workflow.signalWithStart('by name', { ...start, signal: 'by name' })
  // @ts-expect-error an argument of the workflow has the wrong type
  await workflow.signalWithStart(order, { ...start, args: [1], signal: ping })
  // @ts-expect-error the signal's argument is missing
  await workflow.signalWithStart(order, { ...start, signal: note })
  // @ts-expect-error the signal's argument has the wrong type
  await workflow.signalWithStart(order, { ...start, signal: note, signalArgs: ['one'] })
  // @ts-expect-error there is one argument of the signal too many
  await workflow.signalWithStart(order, { ...start, signal: ping, signalArgs: [1] })
  // @ts-expect-error the signal is missing
  await workflow.signalWithStart(order, { ...start })
  expectTypeOf<
    SignalWithStartOptions<typeof fanIn, [points: number]>['signalArgs'][0]
  >().toBeNumber()
}

async function updatesWithStart({ workflow }: Client): Promise<void> {
  const start = { workflowId: 'w', workflowIdConflictPolicy: 'USE_EXISTING' } as const
  const operation = new WithStartWorkflowOperation(order, { ...start, args: ['a'] })
  expectTypeOf(operation).toEqualTypeOf<WithStartWorkflowOperation<typeof order>>()
  const startWorkflowOperation = operation
  expectTypeOf(
    await workflow.executeUpdateWithStart(rename, { args: ['a'], startWorkflowOperation }),
  ).toBeString()
  expectTypeOf(
    await workflow.executeUpdateWithStart(refresh, { startWorkflowOperation }),
  ).toBeNumber()
  await workflow.executeUpdateWithStart('by name', { args: [1], startWorkflowOperation })
  // @ts-expect-error the workflow's arguments are missing
  void new WithStartWorkflowOperation(order, start)
  // @ts-expect-error an argument of the workflow has the wrong type
  void new WithStartWorkflowOperation(order, { ...start, args: [1] })
  // @ts-expect-error the conflict policy is missing
  void new WithStartWorkflowOperation(fanIn, { workflowId: 'w' })
  // @ts-expect-error the update's argument is missing
  await workflow.executeUpdateWithStart(rename, { startWorkflowOperation })
  const waitForStage = 'ACCEPTED'
  await workflow.startUpdateWithStart(rename, {
    // @ts-expect-error the update's argument has the wrong type
    args: [1],
    startWorkflowOperation,
    waitForStage,
  })
}

async function sends(handle: WorkflowHandle): Promise<void> {
  await handle.signal(note, 1)
  await handle.signal(reading, 'a', 1)
  await handle.signal(ping)
  await handle.signal('by name', 1, 'two')
  expectTypeOf(await handle.signal({ signal: note, requestId: 'r' }, 1)).toEqualTypeOf<void>()
  const bounded = { signal: note, waitFor: 'processed', timeoutMs: 1 } as const
  const answer = await handle.signal(bounded, 1)
  expectTypeOf(answer.processed).toEqualTypeOf<boolean | undefined>()
  // @ts-expect-error the argument is missing
  await handle.signal(note)
  // @ts-expect-error the argument has the wrong type
  await handle.signal(note, 'one')
  // @ts-expect-error one of two arguments is missing
  await handle.signal(reading, 'a')
  // @ts-expect-error the argument is missing
  await handle.signal({ signal: note, requestId: 'r' })
  // @ts-expect-error the argument is missing
  await handle.signal(bounded)
}

async function asks(handle: WorkflowHandle): Promise<void> {
  expectTypeOf(await handle.executeUpdate(rename, { args: ['a'], updateId: 'u' })).toBeString()
  expectTypeOf(await handle.executeUpdate(refresh)).toBeNumber()
  await handle.executeUpdate('by name')
  expectTypeOf(await handle.executeUpdate<string>('by name', { args: [1, 'two'] })).toBeString()
  await handle.executeUpdate<string, [number]>('by name', { args: [1] })
  const update = await handle.startUpdate(rename, { args: ['a'], waitForStage: 'ACCEPTED' })
  expectTypeOf(await update.result()).toBeString()
  // @ts-expect-error the options with its argument are missing
  await handle.executeUpdate(rename)
  // @ts-expect-error the argument is missing
  await handle.executeUpdate(rename, { updateId: 'u' })
  // @ts-expect-error the argument has the wrong type
  await handle.executeUpdate(rename, { args: [1] })
  // @ts-expect-error there is one argument too many
  await handle.executeUpdate(refresh, { args: [1] })
  // @ts-expect-error the argument is missing
  await handle.startUpdate(rename, { waitForStage: 'ACCEPTED' })
  expectTypeOf(await handle.query(sum, true)).toBeNumber()
  expectTypeOf(await handle.query(count)).toBeNumber()
  expectTypeOf(await handle.query<number>('by name', 1)).toBeNumber()
  expectTypeOf(await handle.query<number, []>('by name')).toBeNumber()
  expectTypeOf(await handle.queryWithOptions(sum, { args: [true] })).toBeNumber()
  // @ts-expect-error the argument is missing
  await handle.query(sum)
  // @ts-expect-error the argument has the wrong type
  await handle.query(sum, 1)
  // @ts-expect-error the argument is missing
  await handle.queryWithOptions(sum, { rejectCondition: 'NOT_OPEN' })
}

it('arguments of workflows, signals, updates and queries are those that they say they take', () => {
  for (const call of [starts, signalsWithStart, updatesWithStart, sends, asks]) {
    expectTypeOf<Awaited<ReturnType<typeof call>>>().toBeVoid()
  }
})
