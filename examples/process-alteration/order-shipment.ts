import {
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export interface OrderLine {
  readonly sku: string
  readonly quantity: number
}

export interface Order {
  readonly orderId: string
  readonly lines: readonly OrderLine[]
  /** How long the customer may change their mind before packing begins, in milliseconds. */
  readonly changesForMs: number
}

export interface OrderStatus {
  readonly packing: boolean
  readonly lines: readonly OrderLine[]
  readonly packed: readonly OrderLine[]
  /** Changes that came after their line was packed. */
  readonly tooLate: readonly OrderLine[]
}

/** The new quantity of an article; 0 takes it off the order. */
export const quantityChanged = defineSignal<[OrderLine]>('quantityChanged')
/** Begin to pack now, without waiting for more changes. */
export const packNow = defineSignal('packNow')
export const orderStatus = defineQuery<OrderStatus>('orderStatus')

const { packLine, handToCarrier } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
})

/** Ships an order whose quantities may change until the very line is packed. */
export async function orderShipment(order: Order): Promise<OrderStatus> {
  const quantities = new Map(order.lines.map(({ sku, quantity }) => [sku, quantity]))
  const started = new Set<string>()
  const packed: OrderLine[] = []
  const tooLate: OrderLine[] = []
  let packing = false

  setHandler(quantityChanged, (change) => {
    // `started` is filled in the same turn that asks for the activity: from then on the quantity is
    // in somebody's hands, and no later signal can slip in between.
    if (started.has(change.sku)) tooLate.push(change)
    else quantities.set(change.sku, change.quantity)
  })
  setHandler(packNow, () => {
    packing = true
  })
  const status = (): OrderStatus => ({
    packing,
    lines: [...quantities].map(([sku, quantity]) => ({ sku, quantity })),
    packed,
    tooLate,
  })
  setHandler(orderStatus, status)

  await condition(() => packing, order.changesForMs)
  packing = true

  // A Map's iterator sees entries that are added while it runs, so an article that a signal adds
  // during packing is packed as well.
  for (const [sku] of quantities) {
    const quantity = quantities.get(sku) ?? 0
    started.add(sku)
    if (quantity === 0) continue
    await packLine(order.orderId, { sku, quantity })
    packed.push({ sku, quantity })
  }
  await handToCarrier(order.orderId, packed)
  return status()
}
