import { Type } from 'typebox'
import type { TSchema } from 'typebox'

const text = (description: string) => Type.String({ description })
const flag = (description: string) => Type.Boolean({ description })

/** The query parameters that routes look at, by name. */
export const queryParameters: Readonly<Record<string, TSchema>> = {
  pretty: flag('Write the answer on several lines'),
  noPayloadShorthand: flag('Write payloads with encoding and base64 data'),
  'execution.runId': text('The run; default: the current one'),
  'execution.workflowId': text('Not looked at: the path has it'),
  runId: text('As execution.runId'),
  firstExecutionRunId: text('The first run of the chain that the run must be of'),
  reason: text('Recorded with the termination of a running workflow'),
  namespace: text('Not looked at: the path has it'),
  waitFor: Type.Union([Type.Literal('durable'), Type.Literal('processed')], {
    description:
      'Answer when it is on disk (the default), or when its turn has ended or timeout is over',
  }),
  timeout: Type.String({
    description: 'How long to wait, such as 30s; default 20s',
    examples: ['30s'],
  }),
  lifecycleStage: text(
    'How far the update is to be waited for: ADMITTED (default), ACCEPTED, COMPLETED',
  ),
  followRuns: flag('Go on with the run that continues a closed one; default true'),
  maximumPageSize: Type.Integer({
    minimum: 0,
    description: 'Events a page; default and most 1,000',
  }),
  pageSize: Type.Integer({ minimum: 0, description: 'Workflows a page; default 100, most 1,000' }),
  nextPageToken: text('The token of the page before'),
  waitNewEvent: flag('With nothing new to show, wait for it'),
  historyEventFilterType: text('HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT for the last event alone'),
  skipArchival: flag('Not looked at: there is no archive'),
  query: Type.String({
    description: 'A filter as in SQL; count takes GROUP BY ExecutionStatus too',
    examples: ["WorkflowType = 'order' AND ExecutionStatus = 'Running'"],
  }),
  lastEventId: text('As the header Last-Event-ID: go on after this event'),
}

/** Parameters of every route: how the answer is written. */
export const commonParameters = ['pretty', 'noPayloadShorthand']
