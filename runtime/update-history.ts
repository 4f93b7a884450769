import type { UpdateCommand } from '../actors/commands.ts'
import { bytesOfInput } from '../actors/history-length.ts'
import type { UpdateRequestedInput } from '../actors/inputs.ts'
import { updateOutcome } from './history-commands.ts'
import { updateRequest } from './history-inputs.ts'
import type { JsonMessage } from './history-json.ts'

/** An event without its id; the attributes are only made if it is shown. */
interface UpdateEvent {
  readonly type: string
  readonly attributes: () => JsonMessage
  /** What the request takes in history, beside the command. */
  readonly bytes: number
}

/** The updates of a history under export that have no outcome yet, by the numbers of their inputs. */
export class UpdateHistory {
  readonly #requested = new Map<number, { input: UpdateRequestedInput; acceptedId: number }>()

  request(seq: number, input: UpdateRequestedInput): void {
    this.#requested.set(seq, { input, acceptedId: 0 })
  }

  /** When an update was asked for. */
  timeOf(seq: number): number | undefined {
    return this.#requested.get(seq)?.input[1]
  }

  /** The event of a command, which gets the id `eventId`; undefined for a rejection, which has none. */
  ofCommand(
    command: UpdateCommand,
    eventId: number,
    workflowTaskCompletedEventId: string,
  ): UpdateEvent | undefined {
    const { seq, updateId } = command
    const update = this.#requested.get(seq)
    if (command.kind === 'acceptUpdate') {
      if (update === undefined) return undefined
      update.acceptedId = eventId
      // What the replayer takes for the place of the request: the event before the task was started.
      const acceptedRequestSequencingEventId = String(Number(workflowTaskCompletedEventId) - 2)
      return {
        type: 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
        attributes: () => ({
          protocolInstanceId: updateId,
          acceptedRequestMessageId: `${updateId}/request`,
          acceptedRequestSequencingEventId,
          acceptedRequest: updateRequest(update.input),
        }),
        bytes: bytesOfInput(update.input),
      }
    }
    this.#requested.delete(seq)
    if (command.kind === 'rejectUpdate') return undefined
    const acceptedEventId = String(update?.acceptedId ?? 0)
    const { outcome } = command
    return {
      type: 'WORKFLOW_EXECUTION_UPDATE_COMPLETED',
      attributes: () => ({ meta: { updateId }, acceptedEventId, outcome: updateOutcome(outcome) }),
      bytes: 0,
    }
  }
}
