import {
  ApplicationFailure,
  defineSignal,
  getSignalChannel,
  log,
  proxyActivities,
  Selector,
  sleep,
  type SignalChannel,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

/** The snippet of Temporal's page on signals in Go: wait for a signal, fail if its value is another. */
export async function awaitValue(signalName: string): Promise<string> {
  let signalValue = ''
  const channel = getSignalChannel<string>(signalName)

  const selector = new Selector()
  selector.addReceive(channel, async (channel) => {
    signalValue = await channel.receive()
    log.info('Received signal!', { signal: signalName, value: signalValue })
  })
  await selector.select()

  if (signalValue.length > 0 && signalValue !== 'SOME_VALUE') {
    throw ApplicationFailure.create({ message: 'signalValue', details: [signalValue] })
  }
  return signalValue
}

export const orderPlaced = defineSignal<[orderId: string]>('orderPlaced')
export const bookClosed = defineSignal<[reason: string]>('bookClosed')

export interface OrderBook {
  readonly orders: readonly string[]
  readonly closedBecause: string
}

const { bookOrders } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

/** Collects orders until somebody closes the book or the time is over, and books them together. */
export async function collectOrders(openForMs: number): Promise<OrderBook> {
  const placed = getSignalChannel(orderPlaced)
  const closed = getSignalChannel(bookClosed)
  const orders: string[] = []
  let open = true
  let closedBecause = 'the time is over'

  const takeOrder = async (channel: SignalChannel<string>): Promise<void> => {
    orders.push(await channel.receive())
  }
  // One branch runs per select: the first that is ready, in the order in which they are added here.
  const selector = new Selector()
    .addReceive(placed, takeOrder)
    .addReceive(closed, async (channel) => {
      closedBecause = await channel.receive()
      open = false
    })
    .addFuture(sleep(openForMs), () => {
      open = false
    })
  const isOpen = (): boolean => open
  while (isOpen()) await selector.select()

  // With a default branch a select never waits. An order that is here already still counts; a
  // default that runs takes nothing from a channel.
  let drained = false
  const rest = new Selector().addReceive(placed, takeOrder).addDefault(() => {
    drained = true
  })
  const isDrained = (): boolean => drained
  while (!isDrained()) await rest.select()

  await bookOrders(orders)
  return { orders, closedBecause }
}
