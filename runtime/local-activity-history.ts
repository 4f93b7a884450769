import type {
  CancelLocalActivityCommand,
  ScheduleLocalActivityCommand,
} from '../actors/commands.ts'
import type { LocalActivityResolvedInput } from '../actors/inputs.ts'
import { LocalActivityTasks } from '../actors/local-activity-tasks.ts'
import type { EncodedPayload } from '../actors/payload.ts'
import type { JsonMessage } from './history-json.ts'
import { cancelledLocalActivityMarker, localActivityMarker } from './history-markers.ts'

/** A marker of an exported history, without the id of its workflow task. */
export interface LocalActivityMarker {
  readonly attributes: () => JsonMessage
  readonly summary?: string | EncodedPayload | undefined
}

/** The local activities of a history under export that have no outcome yet. */
export class LocalActivityHistory {
  readonly tasks = new LocalActivityTasks()
  readonly #commands = new Map<number, ScheduleLocalActivityCommand>()

  schedule(command: ScheduleLocalActivityCommand, turn: number): void {
    this.tasks.schedule(command.seq, turn)
    this.#commands.set(command.seq, command)
  }

  /** @param time what the clock of the outcome's turn shows */
  ofOutcome(input: LocalActivityResolvedInput, time: number): LocalActivityMarker | undefined {
    const [, , seq, resolution] = input
    const command = this.#commands.get(seq)
    this.#commands.delete(seq)
    if (command === undefined) return undefined
    const attributes = () => localActivityMarker(command, resolution, time)
    return { attributes, summary: command.summary }
  }

  /** Undefined where the workflow waits for the outcome. */
  ofCancel({ seq, resolved }: CancelLocalActivityCommand): LocalActivityMarker | undefined {
    if (resolved === undefined) return undefined
    this.tasks.forget(seq)
    this.#commands.delete(seq)
    return { attributes: () => cancelledLocalActivityMarker(seq, resolved) }
  }
}
