import { expectTypeOf, it } from 'vitest'
import {
  condition,
  continueAsNew,
  defineQuery,
  currentUpdateInfo,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  getSignalChannel,
  HandlerUnfinishedPolicy,
  makeContinueAsNewFunc,
  proxyActivities,
  Selector,
  setHandler,
  startChild,
  type ActivityOptions,
  type ChildWorkflowHandle,
  type QueryDefinition,
  type Received,
  type SignalChannel,
  type SignalDefinition,
  type UpdateDefinition,
  type UpdateInfo,
  type WorkflowResultType,
} from '../../../actors/workflow/index.ts'

const activities = {
  charge: async (order: string, cents: number): Promise<{ receipt: string }> => ({
    receipt: `${order} ${cents}`,
  }),
}
const order = async (id: string, cents?: number): Promise<number> => id.length + (cents ?? 0)

/** Checked by the compiler (`npm run check:types`) and never called: it is no workflow. */
async function workflow(): Promise<never> {
  const { charge } = proxyActivities<typeof activities>({ startToCloseTimeout: '5 minutes' })
  expectTypeOf(charge).parameters.toEqualTypeOf<[order: string, cents: number]>()
  expectTypeOf(await charge('order', 1)).toEqualTypeOf<{ receipt: string }>()
  expectTypeOf(charge.executeWithOptions).parameters.toEqualTypeOf<
    [options: ActivityOptions, args: [order: string, cents: number]]
  >()
  const add = defineSignal<[number, string]>('add')
  expectTypeOf(add).toEqualTypeOf<SignalDefinition<[number, string]>>()
  const sum = defineQuery<number, [boolean]>('sum')
  expectTypeOf(sum).toEqualTypeOf<QueryDefinition<number, [boolean]>>()
  setHandler(add, (n, text) => {
    expectTypeOf(n).toEqualTypeOf<number>()
    expectTypeOf(text).toEqualTypeOf<string>()
  })
  setHandler(sum, (exact) => {
    expectTypeOf(exact).toEqualTypeOf<boolean>()
    return 1
  })
  const multiply = defineUpdate<string, [number, boolean]>('multiply')
  expectTypeOf(multiply).toEqualTypeOf<UpdateDefinition<string, [number, boolean]>>()
  setHandler(
    multiply,
    async (n, exact) => {
      expectTypeOf(n).toEqualTypeOf<number>()
      expectTypeOf(exact).toEqualTypeOf<boolean>()
      return 'text'
    },
    {
      validator: (n, exact) => {
        expectTypeOf(n).toEqualTypeOf<number>()
        expectTypeOf(exact).toEqualTypeOf<boolean>()
      },
      unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON,
    },
  )
  setHandler(multiply, undefined)
  // @ts-expect-error -- an update's handler gives the update's result
  setHandler(multiply, () => 1)
  expectTypeOf(currentUpdateInfo()).toEqualTypeOf<UpdateInfo | undefined>()
  const added = defineSignal<[number]>('added')
  const channel = getSignalChannel(added)
  // @ts-expect-error a channel carries one value
  getSignalChannel(add)
  expectTypeOf(getSignalChannel(defineSignal('ping'))).toEqualTypeOf<SignalChannel<undefined>>()
  expectTypeOf(getSignalChannel(defineSignal<[n?: number]>('maybe'))).toEqualTypeOf<
    SignalChannel<number | undefined>
  >()
  expectTypeOf(getSignalChannel<string>('by name')).toEqualTypeOf<SignalChannel<string>>()
  expectTypeOf(await channel.receive()).toEqualTypeOf<number>()
  expectTypeOf(channel.receiveAsync()).toEqualTypeOf<Received<number>>()
  await new Selector().addReceive(channel, (from) => from.receive()).select()
  expectTypeOf(await condition(() => true, '1 hour')).toEqualTypeOf<boolean>()
  expectTypeOf(await condition(() => true)).toEqualTypeOf<void>()
  expectTypeOf(makeContinueAsNewFunc<typeof order>()).parameters.toEqualTypeOf<
    Parameters<typeof order>
  >()
  return continueAsNew<typeof order>('id', 1)
}

const plain = async (): Promise<string> => 'plain'

async function parent(): Promise<never> {
  const ship = defineSignal<[to: string]>('ship')
  expectTypeOf(await executeChild(order, { args: ['a', 1] })).toEqualTypeOf<number>()
  expectTypeOf(await executeChild<typeof order>('order', { args: ['a'] })).toEqualTypeOf<number>()
  expectTypeOf(await executeChild(plain)).toEqualTypeOf<string>()
  expectTypeOf(await executeChild('by name', { args: [1, 'two'] })).toBeAny()
  // @ts-expect-error the arguments are missing
  await executeChild(order)
  // @ts-expect-error an argument has the wrong type
  await executeChild(order, { args: [1] })
  // @ts-expect-error there is one argument too many
  await executeChild(plain, { args: [1] })
  const child = await startChild(order, {
    args: ['a'] as const,
    parentClosePolicy: 'ABANDON',
    cancellationType: 'TRY_CANCEL',
    workflowRunTimeout: '1 hour',
  })
  expectTypeOf(child).toEqualTypeOf<ChildWorkflowHandle<typeof order>>()
  expectTypeOf(await child.result()).toEqualTypeOf<number>()
  await child.signal(ship, 'home')
  // @ts-expect-error the signal takes a text
  await child.signal(ship, 1)
  const other = getExternalWorkflowHandle('id', 'run id')
  await other.signal(ship, 'home')
  await other.signal('by name', 1, 'two')
  // @ts-expect-error an external workflow is not asked for its result
  await other.result()
  throw new Error('never called')
}

it('types flow from activities, definitions and workflow functions', () => {
  expectTypeOf<WorkflowResultType<typeof order>>().toEqualTypeOf<number>()
  expectTypeOf<Awaited<ReturnType<typeof workflow>>>().toBeNever()
  expectTypeOf<Awaited<ReturnType<typeof parent>>>().toBeNever()
})
