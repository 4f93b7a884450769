import {
  condition,
  defineSignal,
  defineUpdate,
  executeChild,
  proxyActivities,
  setHandler,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

const { charge, notify } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

export const paid = defineSignal<[cents: number]>('paid')
export const pay = defineUpdate<string, [cents: number]>('pay')

/** Waits for its payment, books it, and has a receipt sent by a child. */
export async function order(orderId: string): Promise<string> {
  let booked: Promise<string> | undefined
  setHandler(paid, (cents) => {
    // Part of the trace of whoever sent the signal.
    booked = charge(orderId, cents)
  })
  setHandler(pay, (cents) => (booked = charge(orderId, cents)))
  await condition(() => booked !== undefined)
  const booking = (await booked) ?? ''
  // Part of the trace of whoever started the workflow.
  await executeChild(receipt, { args: [booking] })
  return booking
}

export async function receipt(booking: string): Promise<void> {
  await notify(`thank you for ${booking}`)
}
