import type { FastifyReply } from 'fastify'
import type { ProcessedWait, WaitFor } from '../runtime/workflow-service.ts'
import { invalidField } from './invalid-field.ts'
import type { LongPolls } from './long-poll.ts'
import { RequestQuery } from './request-query.ts'

export const waitNames = ['waitFor', 'timeout']

/** What a request that changes a workflow waits for, and how long for a turn. */
export type WaitQuery =
  | { readonly waitFor: 'processed'; readonly timeoutMs: number }
  | { readonly waitFor: Exclude<WaitFor, 'processed'> | undefined }

/** The parameters `waitFor` and `timeout` of a request that has no others. */
export function decodeWaitFor(given: unknown, longPolls: LongPolls): WaitQuery {
  const query = new RequestQuery(given, waitNames)
  const waitFor = query.text('waitFor')
  const timeout = query.text('timeout')
  if (waitFor === 'processed') {
    return { waitFor, timeoutMs: longPolls.waitMs(timeout, 'timeout') }
  }
  if (timeout !== undefined) throw invalidField('timeout', 'goes with waitFor=processed')
  if (waitFor === undefined) return nothing
  if (waitFor === 'durable') return durable
  throw invalidField('waitFor', 'must be durable or processed')
}

const nothing: WaitQuery = { waitFor: undefined }
const durable: WaitQuery = { waitFor: 'durable' }

/**
 * Make a call that waits for no more than the disk, or one that waits for a turn: that wait ends when the
 * client hangs up or the server stops. Undefined if the client has hung up.
 */
export function callWaiting<Result>(
  wait: WaitQuery,
  longPolls: LongPolls,
  reply: FastifyReply,
  call: (wait: ProcessedWait & { readonly waitFor: WaitFor | undefined }) => Promise<Result>,
): Promise<Result | undefined> {
  if (wait.waitFor !== 'processed') return call(wait)
  return longPolls.run(reply, (signal) => call({ ...wait, signal }))
}
