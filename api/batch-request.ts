import type { Payload } from '../actors/payload.ts'
import type {
  ProcessedWait,
  SignalRequest,
  SignalWithStartRequest,
  WaitFor,
} from '../runtime/workflow-service.ts'
import { compileBodyValidator } from './body-validator.ts'
import { invalidField } from './invalid-field.ts'
import { decodePayloadMap, decodePayloads } from './payload-json.ts'
import type { PlainSignal } from './plain-signal.ts'
import { optionalId } from './request-ids.ts'
import { batchSignalBody } from './schemas.ts'
import type { BatchSignalBody } from './schemas.ts'
import { withTraceContext } from './trace-context.ts'
import { decodeStart } from './start-request.ts'

/** One line of a batch: a signal, or a signal-with-start if it names a workflow type. */
export type BatchRequest =
  | { readonly starts: false; readonly request: SignalRequest }
  | { readonly starts: true; readonly request: SignalWithStartRequest }

/** What each line of a batch is to wait for. */
export interface BatchWait extends ProcessedWait {
  readonly waitFor: WaitFor | undefined
}

/** What the lines of a batch have in common. */
interface BatchContext {
  readonly namespace: string
  /** Of a line that has none of its own. */
  readonly requestId: string | undefined
  readonly wait: BatchWait
  /** The trace context of the request that all lines came with. */
  readonly trace: Payload | undefined
}

/** The request of a signal that has been read. */
export function requestOfPlain(
  { workflowId, signalName, args }: PlainSignal,
  { namespace, requestId, wait, trace }: BatchContext,
): BatchRequest {
  const request = {
    namespace,
    workflowId,
    runId: undefined,
    signalName,
    args,
    requestId,
    identity: undefined,
    headers: withTraceContext(undefined, trace),
    waitFor: wait.waitFor,
    timeoutMs: wait.timeoutMs,
    signal: wait.signal,
  }
  return { starts: false, request }
}

const validate = compileBodyValidator(batchSignalBody)

/**
 * Read a line of a batch. It has the fields of Temporal's SignalWorkflowExecutionRequest or, with
 * `workflowType`, of its SignalWithStartWorkflowExecutionRequest.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT
 */
export function decodeBatchRequest(
  value: unknown,
  { namespace, requestId, wait, trace }: BatchContext,
): BatchRequest {
  const checked = validate(value)
  if ('error' in checked) throw checked.error
  const body = checked.value as BatchSignalBody
  const workflowId =
    optionalId(body.workflowExecution?.workflowId, 'workflowExecution.workflowId') ??
    optionalId(body.workflowId, 'workflowId')
  if (workflowId === undefined) throw invalidField('workflowId', 'is not set')
  const signalName = optionalId(body.signalName, 'signalName') ?? ''
  const ownId = optionalId(body.requestId, 'requestId') ?? requestId
  if (body.workflowType !== undefined) {
    const request = {
      ...decodeStart(namespace, workflowId, body, trace),
      signalName,
      signalArgs: decodePayloads(body.signalInput, 'signalInput'),
      requestId: ownId,
      waitFor: wait.waitFor,
      timeoutMs: wait.timeoutMs,
      signal: wait.signal,
    }
    return { starts: true, request }
  }
  if (body.signalInput !== undefined) {
    throw invalidField('signalInput', 'goes with workflowType; give the arguments as input')
  }
  const request = {
    namespace,
    workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    signalName,
    args: decodePayloads(body.input, 'input'),
    requestId: ownId,
    identity: optionalId(body.identity, 'identity'),
    headers: withTraceContext(decodePayloadMap(body.header?.fields, 'header.fields'), trace),
    waitFor: wait.waitFor,
    timeoutMs: wait.timeoutMs,
    signal: wait.signal,
  }
  return { starts: false, request }
}
