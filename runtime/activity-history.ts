import type { Command, ScheduleActivityCommand } from '../actors/commands.ts'
import type { ActivityResolvedInput } from '../actors/inputs.ts'
import type { EncodedPayload } from '../actors/payload.ts'
import { activityScheduledAttributes } from './history-commands.ts'
import {
  activityOutcomeAttributes,
  activityOutcomeEvent,
  activityStartedAttributes,
} from './history-inputs.ts'
import type { JsonMessage } from './history-json.ts'

/** An event without its id; the attributes are only made if it is shown. */
interface ActivityEvent {
  readonly type: string
  readonly attributes: () => JsonMessage
  /** For `userMetadata`. */
  readonly summary?: string | EncodedPayload | undefined
}

type ActivityCommand =
  ScheduleActivityCommand | Extract<Command, { readonly kind: 'requestCancelActivity' }>

/** The activities of a history under export that have no outcome yet. */
export class ActivityHistory {
  readonly #defaultTaskQueue: () => string
  readonly #scheduled = new Map<number, { scheduledId: number; cancelRequestedId?: number }>()

  /** @param defaultTaskQueue that of the workflow, for activities without one */
  constructor(defaultTaskQueue: () => string) {
    this.#defaultTaskQueue = defaultTaskQueue
  }

  /** The event of a command, which gets the id `eventId`; without the id of its workflow task. */
  ofCommand(command: ActivityCommand, eventId: number): ActivityEvent {
    const { seq } = command
    if (command.kind === 'scheduleActivity') {
      this.#scheduled.set(seq, { scheduledId: eventId })
      return {
        type: 'ACTIVITY_TASK_SCHEDULED',
        attributes: () => activityScheduledAttributes(command, this.#defaultTaskQueue()),
        summary: command.summary,
      }
    }
    const activity = this.#scheduled.get(seq)
    if (activity !== undefined) activity.cancelRequestedId = eventId
    const scheduledEventId = String(activity?.scheduledId ?? 0)
    return { type: 'ACTIVITY_TASK_CANCEL_REQUESTED', attributes: () => ({ scheduledEventId }) }
  }

  /**
   * The two events of an outcome. ACTIVITY_TASK_STARTED gets the id `startedId`: it is written with the
   * outcome, as Temporal does for activities with retries.
   */
  ofOutcome(
    [, , seq, resolution]: ActivityResolvedInput,
    startedId: number,
  ): { readonly started: ActivityEvent; readonly ended: ActivityEvent } {
    const activity = this.#scheduled.get(seq)
    this.#scheduled.delete(seq)
    const scheduledEventId = String(activity?.scheduledId ?? 0)
    const startedEventId = String(startedId)
    const requestedId = activity?.cancelRequestedId
    return {
      started: {
        type: 'ACTIVITY_TASK_STARTED',
        attributes: () => ({ ...activityStartedAttributes(resolution), scheduledEventId }),
      },
      ended: {
        type: activityOutcomeEvent(resolution),
        attributes: () => ({
          ...activityOutcomeAttributes(resolution),
          scheduledEventId,
          startedEventId,
          ...(resolution.status === 'cancelled' && requestedId !== undefined
            ? { latestCancelRequestedEventId: String(requestedId) }
            : {}),
        }),
      },
    }
  }
}
