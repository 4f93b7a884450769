import type { WaitFor } from '../runtime/workflow-service.ts'
import { invalidField } from './invalid-field.ts'
import { RequestQuery } from './request-query.ts'

const queryNames = ['waitFor']

/** The parameter `waitFor` of a request that has no other. */
export function decodeWaitFor(query: unknown): WaitFor | undefined {
  const waitFor = new RequestQuery(query, queryNames).text('waitFor')
  if (waitFor === undefined || waitFor === 'durable' || waitFor === 'processed') return waitFor
  throw invalidField('waitFor', 'must be durable or processed')
}
