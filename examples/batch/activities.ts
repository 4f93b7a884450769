import { log } from 'signalbox/activity'

/** Sends one invoice of a batch. */
export async function sendInvoice(batchId: string, invoice: number): Promise<void> {
  log.info('invoice sent', { batchId, invoice })
}
