import type { CommandReader } from './sdk-commands.ts'
import { type Attributes, fields, type Fields } from './turn.ts'

/** A job of the SDK's core in the words of {@link Fields}. */
export function jobOfActivation(job: Attributes, reader: CommandReader): Fields {
  const [kind, value] = Object.entries(job)[0] ?? []
  const attributes = (value ?? {}) as Attributes
  switch (kind) {
    case 'initializeWorkflow':
      return fields('start', {
        type: attributes['workflowType'],
        args: attributes['arguments'],
        headers: attributes['headers'],
        memo: (attributes['memo'] as Attributes | undefined)?.['fields'],
        searchAttributes: attributes['searchAttributes'],
        attempt: attributes['attempt'],
        continuedFrom: attributes['continuedFromExecutionRunId'],
        lastResult: attributes['lastCompletionResult'],
        lastFailure: attributes['continuedFailure'],
      })
    case 'signalWorkflow':
      return fields('signal', {
        name: attributes['signalName'],
        args: attributes['input'],
        headers: attributes['headers'],
      })
    case 'doUpdate': {
      const { id, name, input, headers, protocolInstanceId } = attributes
      reader.updates.set(protocolInstanceId as string, id as string)
      return fields('update', { id, name, args: input, headers })
    }
    case 'cancelWorkflow':
      return fields('cancel', { reason: attributes['reason'] })
    case 'fireTimer':
      reader.firedTimers.add(attributes['seq'] as number)
      return fields('timer', { id: String(attributes['seq']) })
    case 'notifyHasPatch':
      return fields('patch', { id: attributes['patchId'] })
    case 'resolveActivity':
      return fields(attributes['isLocal'] === true ? 'localActivity' : 'activity', {
        id: reader.activities.get(attributes['seq'] as number),
        ...outcomeOf(attributes['result'] as Attributes),
      })
    case 'resolveChildWorkflowExecutionStart': {
      const id = reader.children.get(attributes['seq'] as number)
      const { succeeded } = attributes as { succeeded?: Attributes }
      if (succeeded !== undefined) return fields('childStart', { id, runId: succeeded['runId'] })
      return fields('childStart', {
        id,
        ...('cancelled' in attributes ? { cancelled: true } : { failed: true }),
      })
    }
    case 'resolveChildWorkflowExecution':
      return fields('child', {
        id: reader.children.get(attributes['seq'] as number),
        ...childOutcome(outcomeOf(attributes['result'] as Attributes)),
      })
    case 'resolveSignalExternalWorkflow':
      return fields('externalSignal', {
        number: reader.signals.get(attributes['seq'] as number),
        failed: 'failure' in attributes ? true : undefined,
      })
    case 'resolveRequestCancelExternalWorkflow':
      return fields('externalCancel', {
        number: reader.cancels.get(attributes['seq'] as number),
        failed: 'failure' in attributes ? true : undefined,
      })
    default:
      return fields(`unknown job ${kind}`, attributes)
  }
}

/** The SDK's core wraps what failed: only the cause has come from outside. */
function outcomeOf(result: Attributes): Attributes {
  const { completed, failed, cancelled } = result as Readonly<
    Record<string, Attributes | undefined>
  >
  if (completed !== undefined) return { completed: completed['result'] ?? '' }
  const failure = ((failed ?? cancelled)?.['failure'] ?? {}) as Attributes
  const cause = (failure['cause'] ?? failure) as Attributes
  if (cancelled === undefined) return { failed: cause }
  const info = cause['canceledFailureInfo'] as Attributes | undefined
  const details = info?.['details'] as Attributes | undefined
  return { cancelled: details?.['payloads'] ?? [] }
}

function childOutcome(outcome: Attributes): Attributes {
  const { failed } = outcome as { failed?: Attributes }
  if (failed === undefined) return outcome
  if ('terminatedFailureInfo' in failed) return { failed: 'terminated' }
  if ('timeoutFailureInfo' in failed && failed['cause'] === undefined)
    return { failed: 'timed out' }
  return outcome
}
