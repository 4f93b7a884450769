import type { Payload, PayloadMap } from '../actors/payload.ts'
import type {
  ProcessedWait,
  SignalRequest,
  SignalWithStartRequest,
  WaitFor,
} from '../runtime/workflow-service.ts'
import { compileBodyValidator } from './body-validator.ts'
import { invalidField } from './invalid-field.ts'
import { decodePayloadMap, decodePayloads } from './payload-json.ts'
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

/** What a line says of a signal that starts nothing. */
interface LineSignal {
  readonly workflowId: string
  readonly signalName: string
  readonly args: readonly Payload[]
  readonly runId?: string | undefined
  readonly requestId?: string | undefined
  readonly identity?: string | undefined
  readonly headers?: PayloadMap | undefined
}

/** The request of a signal whose line has been read. */
export function signalRequest(
  signal: LineSignal,
  { namespace, requestId, wait, trace }: BatchContext,
): BatchRequest {
  const request = {
    namespace,
    workflowId: signal.workflowId,
    runId: signal.runId,
    signalName: signal.signalName,
    args: signal.args,
    requestId: signal.requestId ?? requestId,
    identity: signal.identity,
    headers: withTraceContext(signal.headers, trace),
    waitFor: wait.waitFor,
    timeoutMs: wait.timeoutMs,
    signal: wait.signal,
  }
  return { starts: false, request }
}

const validate = compileBodyValidator(batchSignalBody, 'the line')

/**
 * Read a line of a batch. It has the fields of Temporal's SignalWorkflowExecutionRequest or, with
 * `workflowType`, of its SignalWithStartWorkflowExecutionRequest.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT
 */
export function decodeBatchRequest(value: unknown, context: BatchContext): BatchRequest {
  const { namespace, wait, trace } = context
  const checked = validate(value)
  if ('error' in checked) throw checked.error
  const body = checked.value as BatchSignalBody
  const workflowId =
    optionalId(body.workflowExecution?.workflowId, 'workflowExecution.workflowId') ??
    optionalId(body.workflowId, 'workflowId')
  if (workflowId === undefined) throw invalidField('workflowId', 'is not set')
  const signalName = optionalId(body.signalName, 'signalName') ?? ''
  const requestId = optionalId(body.requestId, 'requestId')
  if (body.workflowType !== undefined) {
    const request = {
      ...decodeStart(namespace, workflowId, body, trace),
      signalName,
      signalArgs: decodePayloads(body.signalInput, 'signalInput'),
      requestId: requestId ?? context.requestId,
      waitFor: wait.waitFor,
      timeoutMs: wait.timeoutMs,
      signal: wait.signal,
    }
    return { starts: true, request }
  }
  if (body.signalInput !== undefined) {
    throw invalidField('signalInput', 'goes with workflowType; give the arguments as input')
  }
  const signal = {
    workflowId,
    runId: optionalId(body.workflowExecution?.runId, 'workflowExecution.runId'),
    signalName,
    args: decodePayloads(body.input, 'input'),
    requestId,
    identity: optionalId(body.identity, 'identity'),
    headers: decodePayloadMap(body.header?.fields, 'header.fields'),
  }
  return signalRequest(signal, context)
}
