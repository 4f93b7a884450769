import { expectTypeOf, it } from 'vitest'
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getSignalChannel,
  makeContinueAsNewFunc,
  proxyActivities,
  Selector,
  setHandler,
  type ActivityOptions,
  type QueryDefinition,
  type Received,
  type SignalDefinition,
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
  const channel = getSignalChannel(add)
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

it('types flow from activities, definitions and workflow functions', () => {
  expectTypeOf<WorkflowResultType<typeof order>>().toEqualTypeOf<number>()
  expectTypeOf<Awaited<ReturnType<typeof workflow>>>().toBeNever()
})
