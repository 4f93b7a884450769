import { type Command, commandIdentity } from '../../actors/commands.ts'
import { CHANGE_VERSION } from '../change-versions.ts'
import type { RecordedEvent, RecordedTask } from './history-tasks.ts'
import { idOf, objectOf, textOf } from './history-values.ts'
import { isLocalActivityMarker } from './local-activity-markers.ts'
import type { RecordedLinks } from './recorded-links.ts'
import { HistoryMismatchError, type MismatchKind } from './replay-errors.ts'

/** The event that a command leaves in history, and what of it must be the same. */
interface Expectation {
  readonly type: string
  readonly fits?: (event: RecordedEvent) => boolean
  /** Remember the command for events that refer to this one. */
  readonly link?: (eventId: number) => void
}

/**
 * Compare what the code asks for in a task with what the history has, in order, by kind and by the
 * attributes that Temporal compares. What fits is remembered in `links`.
 *
 * @throws HistoryMismatchError at the first difference
 */
export function matchCommands(
  task: RecordedTask,
  commands: readonly Command[],
  links: RecordedLinks,
  workflowId: string,
): void {
  const events = task.commands.filter(
    (event) => !isLocalActivityMarker(event) && !isChangeVersionUpsert(event),
  )
  const fail = (
    kind: MismatchKind,
    event: RecordedEvent | undefined,
    command: Command | undefined,
  ): never => {
    throw new HistoryMismatchError({
      workflowId,
      kind,
      eventId: event?.id ?? task.completedId,
      taskCompletedEventId: task.completedId,
      expected: event && describeEvent(event),
      actual: command && commandIdentity(command),
    })
  }
  let at = 0
  for (const command of commands) {
    const patchId = command.kind === 'setPatchMarker' ? command.patchId : undefined
    // A marker of a deprecated patch may be missing from the code by now.
    for (let patch = patchOf(events[at]); patch?.deprecated === true; patch = patchOf(events[at])) {
      if (patch.id === patchId) break
      at++
    }
    // And one that the code asks for may be missing from the history.
    if (patchId !== undefined && patchOf(events[at]) === undefined) continue
    const expectation = expectationOf(command, links)
    if (expectation === undefined) continue
    const event = events[at++]
    if (event === undefined) return fail('surplus', event, command)
    if (event.type !== expectation.type || expectation.fits?.(event) === false) {
      return fail('different', event, command)
    }
    expectation.link?.(event.id)
  }
  while (patchOf(events[at])?.deprecated === true) at++
  const [missing] = events.slice(at)
  if (missing !== undefined) fail('missing', missing, undefined)
}

/** Undefined for a command that leaves no event. */
function expectationOf(command: Command, links: RecordedLinks): Expectation | undefined {
  switch (command.kind) {
    case 'scheduleActivity': {
      const { seq, activityType, activityId } = command
      return {
        type: 'ACTIVITY_TASK_SCHEDULED',
        fits: ({ attributes }) =>
          attributes['activityId'] === activityId &&
          nameOf(attributes['activityType']) === activityType,
        link: (id) => links.activities.set(id, { seq, activityType, activityId }),
      }
    }
    case 'requestCancelActivity':
      return {
        type: 'ACTIVITY_TASK_CANCEL_REQUESTED',
        fits: ({ attributes }) =>
          links.activities.get(idOf(attributes['scheduledEventId']))?.seq === command.seq,
      }
    case 'startTimer':
      return {
        type: 'TIMER_STARTED',
        fits: ({ attributes }) => attributes['timerId'] === String(command.seq),
        link: (id) => links.timers.set(id, command.seq),
      }
    case 'cancelTimer':
      return {
        type: 'TIMER_CANCELED',
        fits: ({ attributes }) => attributes['timerId'] === String(command.seq),
      }
    case 'startChildWorkflow':
      return {
        type: 'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
        fits: ({ attributes }) =>
          attributes['workflowId'] === command.workflowId &&
          nameOf(attributes['workflowType']) === command.workflowType,
        link: (id) => links.children.set(id, command.seq),
      }
    case 'signalExternalWorkflow':
      return {
        type: 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
        link: (id) => links.signals.set(id, command.seq),
      }
    case 'cancelChildWorkflow':
    case 'cancelExternalWorkflow': {
      const target = command.kind === 'cancelChildWorkflow' ? 'child' : 'external'
      return {
        type: 'REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
        link: (id) => links.cancels.set(id, { seq: command.seq, target }),
      }
    }
    case 'acceptUpdate':
      return {
        type: 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
        fits: ({ attributes }) => attributes['protocolInstanceId'] === command.updateId,
      }
    case 'completeUpdate':
      return {
        type: 'WORKFLOW_EXECUTION_UPDATE_COMPLETED',
        fits: ({ attributes }) => objectOf(attributes['meta'])['updateId'] === command.updateId,
      }
    case 'rejectUpdate':
    case 'scheduleLocalActivity':
    case 'cancelLocalActivity':
      return undefined
    case 'setPatchMarker':
      return {
        type: 'MARKER_RECORDED',
        fits: (event) => patchOf(event)?.id === command.patchId,
      }
    case 'upsertSearchAttributes':
      return { type: 'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES' }
    case 'upsertMemo':
      return { type: 'WORKFLOW_PROPERTIES_MODIFIED' }
    case 'completeWorkflow':
      return { type: 'WORKFLOW_EXECUTION_COMPLETED' }
    case 'failWorkflow':
      return { type: 'WORKFLOW_EXECUTION_FAILED' }
    case 'cancelWorkflow':
      return { type: 'WORKFLOW_EXECUTION_CANCELED' }
    case 'continueAsNew':
      return { type: 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW' }
    default:
      return command satisfies never
  }
}

/** The patch whose marker an event is. */
export function patchOf(
  event: RecordedEvent | undefined,
): { readonly id: string; readonly deprecated: boolean } | undefined {
  if (event?.type !== 'MARKER_RECORDED') return undefined
  if (event.attributes['markerName'] !== 'core_patch') return undefined
  const { payloads } = objectOf(objectOf(event.attributes['details'])['patch-data'])
  const [payload] = Array.isArray(payloads) ? (payloads as unknown[]) : []
  const data = Buffer.from(textOf(objectOf(payload)['data']), 'base64').toString('utf8')
  const { id, deprecated } = objectOf(JSON.parse(data === '' ? '{}' : data))
  return { id: textOf(id), deprecated: deprecated === true }
}

/** What Temporal's core writes after the marker of a patch. */
function isChangeVersionUpsert({ type, attributes }: RecordedEvent): boolean {
  if (type !== 'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES') return false
  const { indexedFields } = objectOf(attributes['searchAttributes'])
  return Object.hasOwn(objectOf(indexedFields), CHANGE_VERSION)
}

function nameOf(value: unknown): string {
  return textOf(objectOf(value)['name'])
}

function describeEvent({ type, attributes }: RecordedEvent): string {
  const { activityType, activityId, timerId, workflowType, workflowId, markerName, signalName } =
    attributes
  const particulars = [
    nameOf(activityType),
    nameOf(workflowType),
    ...[activityId, timerId, workflowId, markerName, signalName].map(textOf),
  ].filter((text) => text !== '')
  return particulars.length === 0 ? type : `${type} (${particulars.join(', ')})`
}
