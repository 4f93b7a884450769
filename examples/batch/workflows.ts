import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export interface Batch {
  /** How many invoices there are. */
  readonly invoices: number
  /** How many are on their way at a time. Default 10. */
  readonly window?: number
  /** How many a run starts before it continues as new. Default 100. */
  readonly perRun?: number
  /** Where an earlier run has left off. */
  readonly soFar?: { readonly next: number; readonly sent: number; readonly running: number[] }
}

export interface BatchProgress {
  readonly sent: number
  readonly running: number
}

/** A child tells its batch that it is done. */
export const invoiceDone = defineSignal<[invoice: number]>('invoiceDone')
export const batchProgress = defineQuery<BatchProgress>('batchProgress')

const { sendInvoice } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

/**
 * A window that slides over a batch of any size: as soon as one invoice is sent, the next one is started.
 * Children outlive the run that started them, since it continues as new before its history gets long;
 * they report by signal to whichever run is there.
 */
export async function invoiceBatch(batch: Batch): Promise<number> {
  const { invoices, window = 10, perRun = 100, soFar } = batch
  const { workflowId } = workflowInfo()
  const running = new Set(soFar?.running)
  let next = soFar?.next ?? 0
  let sent = soFar?.sent ?? 0
  setHandler(batchProgress, () => ({ sent, running: running.size }))
  setHandler(invoiceDone, (invoice) => {
    if (running.delete(invoice)) sent++
  })
  for (let started = 0; next < invoices; started++) {
    await condition(() => running.size < window)
    if (started === perRun) {
      // Reports that are on their way are carried over.
      await continueAsNew<typeof invoiceBatch>({
        ...batch,
        soFar: { next, sent, running: [...running] },
      })
    }
    const invoice = next++
    running.add(invoice)
    await startChild(invoiceMailing, {
      workflowId: `${workflowId}/${invoice}`,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      args: [workflowId, invoice],
    })
  }
  await condition(() => running.size === 0)
  return sent
}

export async function invoiceMailing(batchId: string, invoice: number): Promise<void> {
  await sendInvoice(batchId, invoice)
  await getExternalWorkflowHandle(batchId).signal(invoiceDone, invoice)
}
