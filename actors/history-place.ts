import type { Command, SetPatchMarkerCommand } from './commands.ts'
import {
  bytesOfCommand,
  bytesOfInput,
  eventsOfCommand,
  eventsOfInput,
  isTurnless,
  WORKFLOW_TASK_EVENTS,
} from './history-length.ts'
import {
  type Input,
  InputKind,
  type LocalActivityResolvedInput,
  type UpdateRequestedInput,
} from './inputs.ts'
import {
  type LocalActivityTask,
  LocalActivityTasks,
  type LocalMarkers,
} from './local-activity-tasks.ts'
import type { PatchMark } from './protocol.ts'

/**
 * How far a run has come in its history: its clock, and the length and size that its code is told.
 * It counts by inputs and commands, with what those refer to, as the export of the history does.
 */
export class HistoryPlace {
  /** The run's clock, in ms since 1970: the latest time of the inputs it has handled. */
  time: number
  /** Events. */
  length = 0
  /** About how many bytes they take. */
  size = 0
  // What most runs never have is not made for them: a runtime may hold a hundred thousand.
  /** The due times of pending timers, by their numbers. */
  #timers: Map<number, number> | undefined
  #local: LocalActivityTasks | undefined

  constructor(time: number) {
    this.time = time
  }

  /** Whether the run ever asked for a local activity. */
  get hasLocalActivities(): boolean {
    return this.#local !== undefined
  }

  advance(time: number): void {
    if (time > this.time) this.time = time
  }

  /**
   * Move the clock and the length. A timer that fired after it was cancelled has no event in Temporal:
   * it moves neither, and alone it is no turn. Updates and outcomes of local activities are counted
   * elsewhere: {@link addAcceptedUpdate}, {@link addMarkers}.
   *
   * @returns the number of its events, or 0 for what is no turn by itself
   */
  addInput(input: Input): number {
    if (input[0] === InputKind.timerFired && this.#timers?.delete(input[2]) !== true) return 0
    this.advance(input[1])
    const events = eventsOfInput(input)
    this.length += events
    this.size += bytesOfInput(input)
    return isTurnless(input) ? 0 : events
  }

  /** Its event is that of its acceptance, among the turn's commands; what it holds is the request. */
  addAcceptedUpdate(input: UpdateRequestedInput): void {
    this.size += bytesOfInput(input)
  }

  /** Add an outcome to those of its turn, unless it is no news. */
  collect(
    markers: LocalMarkers | undefined,
    input: LocalActivityResolvedInput,
  ): LocalMarkers | undefined {
    return this.#local?.collect(markers, input) ?? markers
  }

  /** A turn with outcomes of local activities begins. @returns which workflow task they go to */
  beginLocalTask(markers: LocalMarkers, hasOthers: boolean): LocalActivityTask | undefined {
    this.advance(markers.time)
    const task = hasOthers ? 'own' : this.#local?.taskOf(markers)
    if (task === 'separated') this.length++
    return task
  }

  addWorkflowTask(): void {
    this.length += WORKFLOW_TASK_EVENTS
  }

  addMarkers(markers: LocalMarkers): void {
    this.length += markers.askedIn.length
    this.size += markers.bytes
  }

  addCommand(command: Command): void {
    this.length += eventsOfCommand(command)
    this.size += bytesOfCommand(command)
  }

  /** The patch markers of a replayed turn, as the journal has them. */
  addPatchMarks(marks: readonly PatchMark[]): void {
    for (const mark of marks) this.addCommand(commandOfMark(mark))
  }

  /** A turn has ended; `events` is the number of those of its markers and commands. */
  endTurn(seq: number, events: number): void {
    this.#local?.ended(seq, events)
  }

  /** Remember what later inputs and commands refer to; give timers their due time. */
  note(command: Command, seq: number): Command {
    if (command.kind === 'startTimer') {
      const dueTime = this.time + command.delayMs
      this.#timers ??= new Map()
      this.#timers.set(command.seq, dueTime)
      // Before the copy: behind it a field takes Node 20 a microsecond.
      return { dueTime, ...command }
    }
    if (command.kind === 'scheduleLocalActivity') {
      this.#local ??= new LocalActivityTasks()
      this.#local.schedule(command.seq, seq)
      return command
    }
    if (command.kind === 'cancelLocalActivity') {
      if (command.resolved !== undefined) this.#local?.forget(command.seq)
      return command
    }
    if (command.kind === 'cancelTimer') {
      const dueTime = this.#timers?.get(command.seq)
      this.#timers?.delete(command.seq)
      return dueTime === undefined ? command : { dueTime, ...command }
    }
    return command
  }
}

function commandOfMark([patchId, , deprecated, events]: PatchMark): SetPatchMarkerCommand {
  const kind = 'setPatchMarker'
  return { kind, patchId, deprecated, ...(events > 1 ? { changeVersions: [] } : {}) }
}
