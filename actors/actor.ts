import { type Command, isTerminal } from './commands.ts'
import {
  EVENTS_BEFORE_CODE_RUNS,
  isContinueAsNewSuggested,
  WORKFLOW_TASK_EVENTS,
} from './history-length.ts'
import { HistoryPlace } from './history-place.ts'
import { type Input, InputKind, type UpdateRequestedInput } from './inputs.ts'
import type { LocalMarkers } from './local-activity-tasks.ts'
import { Mailbox } from './mailbox.ts'
import { rejectedSeqs } from './rejected-seqs.ts'
import { ReplayCheck, unexpectedEnd } from './replay-check.ts'
import type { OpenBody, PatchMark } from './protocol.ts'
import type { TurnCommands } from './records.ts'
import type { Activation, Sandbox, TurnError, TurnOutcome } from './turns.ts'

const NO_GROUPS: ReadonlyMap<number, number> = new Map()
const NO_SEQS: readonly number[] = []
const NO_INPUTS: readonly Input[] = []
const NO_TURNS: readonly TurnCommands[] = []

/** What {@link Actor.turn} gives when the turn has ended as it should, but this actor is of no more use. */
export const MUST_REBUILD: TurnError = {
  name: 'MustRebuild',
  message: 'the run must be built anew',
}

/**
 * A run's live instance: its mailbox and its place in history.
 *
 * Guarantee: turns are done one at a time in journal order. Turns up to `processed` of the open
 * frame are a replay: they issue nothing, and their commands must be those of the journal, see
 * {@link ReplayCheck}. Nothing beyond them is done before the journal has been sent whole, since only
 * then is it certain that the code still matches it.
 */
export class Actor {
  readonly run: number
  /** Which of the run's actors this is, by the host's count. */
  readonly number: number
  readonly #sandbox: Sandbox
  readonly #mailbox = new Mailbox(1)
  readonly #groups: ReadonlyMap<number, number>
  /** The patch markers of the journal, by the turns that issued them; undefined for none. */
  readonly #patches: ReadonlyMap<number, readonly PatchMark[]> | undefined
  readonly #closed: boolean
  readonly #history: HistoryPlace
  /** Made with the first commands of a replay, and gone with its end. */
  #replay: ReplayCheck | undefined
  readonly #activation: { -readonly [K in keyof Activation]: Activation[K] }
  #replayTo: number
  #loaded = false
  #ended = false
  #failed = false
  #processed = 0
  #reported: number
  #turns: TurnCommands[] | undefined

  constructor(run: number, processed: number, body: OpenBody, sandbox: Sandbox, number = 0) {
    this.run = run
    this.number = number
    this.#replayTo = processed
    this.#reported = processed
    this.#closed = body.closed
    this.#sandbox = sandbox
    this.#groups = body.groups.length === 0 ? NO_GROUPS : new Map(body.groups)
    this.#patches = body.patches === undefined ? undefined : byTurn(body.patches)
    this.#history = new HistoryPlace(body.firstTurnTime ?? 0)
    this.#activation = {
      firstSeq: 0,
      inputs: NO_INPUTS,
      time: 0,
      replaying: true,
      historyLength: 0,
      historySize: 0,
      continueAsNewSuggested: false,
      traced: body.traced === true,
      hasUpdates: false,
      skippedSeqs: NO_SEQS,
      instance: undefined,
    }
  }

  get processed(): number {
    return this.#processed
  }

  get historyLength(): number {
    return this.#history.length
  }

  /** True once a terminal command was issued, or the end of a closed run was reached. */
  get ended(): boolean {
    return this.#ended || (this.#closed && this.#loaded && this.#processed >= this.#replayTo)
  }

  get mailbox(): Mailbox {
    return this.#mailbox
  }

  receive(firstSeq: number, inputs: readonly Input[], bytes: number): void {
    this.#mailbox.push(firstSeq, inputs, bytes)
  }

  /** Commands that the journal holds for turns to be replayed. */
  expect(turns: readonly TurnCommands[]): TurnError | undefined {
    this.#replay ??= new ReplayCheck()
    return this.#failedBy(this.#replay.expect(turns))
  }

  /** The journal has been sent whole. */
  loaded(): void {
    this.#loaded = true
  }

  /** True if {@link turn} would do something. */
  get runnable(): boolean {
    if (this.#failed || this.ended) return false
    const next = this.#mailbox.nextSeq
    if (next > this.#mailbox.lastSeq) return false
    const last = this.#groups.get(next) ?? next
    if (last > this.#mailbox.lastSeq) return false
    if (last <= this.#replayTo) return this.#loaded || this.#knowsUpdates(last)
    return this.#loaded && !this.#closed
  }

  /**
   * Whether an update among the next turn's inputs was accepted then is told by the turn's commands, of
   * which it has at least that one; they may still be on their way.
   */
  #knowsUpdates(lastSeq: number): boolean {
    if (!this.#mailbox.has(InputKind.updateRequested, lastSeq)) return true
    return this.#replay?.expectsFrom(lastSeq) ?? false
  }

  /** Do one turn. An error means that the run is to be parked and this actor to be dropped. */
  turn(): TurnError | undefined {
    const firstSeq = this.#mailbox.nextSeq
    const lastSeq = this.#groups.get(firstSeq) ?? firstSeq
    const error = this.checkReplay()
    if (error !== undefined) return error
    const inputs: Input[] = []
    const lengthBefore = this.#history.length
    let events = 0
    let hasUpdates = false
    let markers: LocalMarkers | undefined
    for (let seq = firstSeq; seq <= lastSeq; seq++) {
      const input = this.#mailbox.shift()
      // All of a group are passed on, since the sandbox numbers them by their place.
      inputs.push(input)
      if (input[0] === InputKind.updateRequested) hasUpdates = true
      else if (input[0] === InputKind.localActivityResolved) {
        markers = this.#history.collect(markers, input)
      } else events += this.#history.addInput(input)
    }
    if (hasUpdates) return this.#turnWithUpdates(firstSeq, lastSeq, inputs, events, markers)
    if (markers !== undefined) {
      return this.#activateLocal(firstSeq, lastSeq, inputs, events, markers)
    }
    if (events > 0) return this.#activate(firstSeq, lastSeq, inputs)
    this.#processed = lastSeq
    if (this.#history.length > lengthBefore) this.#history.endTurn(lastSeq, 1)
    return undefined
  }

  /** A turn with outcomes of local activities: those are markers at the end of its workflow task. */
  #activateLocal(
    firstSeq: number,
    lastSeq: number,
    inputs: readonly Input[],
    events: number,
    markers: LocalMarkers,
  ): TurnError | undefined {
    const history = this.#history
    const task = history.beginLocalTask(markers, events > 0)
    const joined = task === 'joined'
    const from = history.length + (joined ? 0 : WORKFLOW_TASK_EVENTS)
    const outcome = this.#run(firstSeq, lastSeq, inputs, joined)
    if (outcome.error !== undefined) return this.#fail(outcome.error)
    this.#processed = lastSeq
    if (!joined) history.addWorkflowTask()
    return this.#conclude(lastSeq, outcome.commands, from, markers)
  }

  /**
   * The events that end a turn: markers, then those of its commands.
   *
   * @param from the history's length when its workflow task was complete, patch markers aside
   */
  #conclude(
    lastSeq: number,
    commands: readonly Command[],
    from: number,
    markers?: LocalMarkers,
  ): TurnError | undefined {
    if (markers !== undefined) this.#history.addMarkers(markers)
    const error = commands.length === 0 ? undefined : this.#issue(lastSeq, commands)
    this.#history.endTurn(lastSeq, this.#history.length - from)
    return error
  }

  /**
   * Guarantee: an update that is rejected moves neither the clock nor the history's length, and a replay
   * does not show it to the code. The turn's time is that of its other inputs; of updates alone, that of
   * the first one accepted.
   */
  #turnWithUpdates(
    firstSeq: number,
    lastSeq: number,
    inputs: readonly Input[],
    events: number,
    markers: LocalMarkers | undefined,
  ): TurnError | undefined {
    const activation = this.#activation
    const history = this.#history
    const journaled = this.#replay?.expectedOf(lastSeq) ?? []
    const skipped = lastSeq <= this.#replayTo ? rejectedSeqs(journaled) : NO_SEQS
    if (events === 0 && markers === undefined && skipped.length === inputs.length) {
      this.#processed = lastSeq
      return this.#replayed(lastSeq, journaled)
    }
    if (markers !== undefined) history.advance(markers.time)
    const from = history.length + WORKFLOW_TASK_EVENTS
    activation.hasUpdates = true
    activation.skippedSeqs = skipped
    const outcome = this.#run(firstSeq, lastSeq, inputs)
    activation.hasUpdates = false
    activation.skippedSeqs = NO_SEQS
    if (outcome.error !== undefined) return this.#fail(outcome.error)
    this.#processed = lastSeq
    let isTurn = events > 0 || markers !== undefined
    for (const command of outcome.commands) {
      if (command.kind !== 'acceptUpdate') continue
      const input = inputs[command.seq - firstSeq] as UpdateRequestedInput
      if (!isTurn) history.advance(input[1])
      isTurn = true
      history.addAcceptedUpdate(input)
    }
    if (isTurn) history.addWorkflowTask()
    const error = isTurn
      ? this.#conclude(lastSeq, outcome.commands, from, markers)
      : this.#issue(lastSeq, outcome.commands)
    return error ?? (outcome.dirty === true ? MUST_REBUILD : undefined)
  }

  #activate(firstSeq: number, lastSeq: number, inputs: readonly Input[]): TurnError | undefined {
    const history = this.#history
    const from = history.length + WORKFLOW_TASK_EVENTS
    const outcome = this.#run(firstSeq, lastSeq, inputs)
    // A turn that failed has not ended: the run still has its inputs to handle.
    if (outcome.error !== undefined) return this.#fail(outcome.error)
    this.#processed = lastSeq
    history.addWorkflowTask()
    if (outcome.commands.length === 0 && !history.hasLocalActivities) return undefined
    return this.#conclude(lastSeq, outcome.commands, from)
  }

  /** @param joined the turn belongs to the workflow task before: it sees of the history what that saw */
  #run(firstSeq: number, lastSeq: number, inputs: readonly Input[], joined = false): TurnOutcome {
    const activation = this.#activation
    activation.firstSeq = firstSeq
    activation.inputs = inputs
    activation.replaying = lastSeq <= this.#replayTo
    activation.time = this.#history.time
    if (!joined) this.#showHistory()
    const marks = this.#patches?.get(lastSeq)
    activation.patches = marks?.map(([patchId]) => patchId)
    const outcome = this.#sandbox.activate(this.run, activation)
    // Kept until the next turn they would outlive the young generation, a hundred thousand times.
    activation.inputs = NO_INPUTS
    if (marks !== undefined) this.#history.addPatchMarks(marks)
    return outcome
  }

  /** What code sees of the history in a workflow task that begins now. */
  #showHistory(): void {
    const activation = this.#activation
    activation.historyLength = this.#history.length + EVENTS_BEFORE_CODE_RUNS
    activation.historySize = this.#history.size
    activation.continueAsNewSuggested = isContinueAsNewSuggested(
      activation.historyLength,
      activation.historySize,
    )
  }

  #issue(seq: number, issued: readonly Command[]): TurnError | undefined {
    const commands = issued.map((command) => this.#history.note(command, seq))
    for (const command of commands) {
      // The markers of a replayed turn are counted as the journal has them: code that no longer asks
      // for a deprecated patch has the same history.
      if (command.kind !== 'setPatchMarker' || seq > this.#replayTo) {
        this.#history.addCommand(command)
      }
      if (isTerminal(command)) this.#ended = true
    }
    if (seq > this.#replayTo) {
      this.#turns ??= []
      this.#turns.push([seq, commands])
      return undefined
    }
    if (this.#ended && !(this.#closed && seq === this.#replayTo)) {
      // The journal went on after this turn, so the run did not end in it.
      return this.#fail(unexpectedEnd(seq, commands))
    }
    return this.#replayed(seq, commands)
  }

  #replayed(seq: number, commands: readonly Command[]): TurnError | undefined {
    this.#replay ??= new ReplayCheck()
    return this.#failedBy(this.#replay.replayed(seq, commands))
  }

  /**
   * Once all of the replay is done, and before anything else: no command may be left over on either
   * side. Before that it has nothing to say.
   */
  checkReplay(): TurnError | undefined {
    if (this.#replay === undefined) return undefined
    if (!this.#loaded || this.#processed < this.#replayTo) return undefined
    const error = this.#replay.finish()
    if (error !== undefined) return this.#fail(error)
    this.#replay = undefined
    return undefined
  }

  #failedBy(error: TurnError | undefined): TurnError | undefined {
    return error === undefined ? undefined : this.#fail(error)
  }

  #fail(error: TurnError): TurnError {
    this.#failed = true
    return error
  }

  /** The commands of new turns since the last call, and whether any turn has ended since. */
  takeResults(): { readonly turns: readonly TurnCommands[]; readonly progressed: boolean } {
    const progressed = this.#processed > this.#reported
    if (progressed) this.#reported = this.#processed
    const turns = this.#turns ?? NO_TURNS
    this.#turns = undefined
    return { turns, progressed }
  }

  /** The last turn whose results have been taken: what stays valid if this batch is dropped. */
  get reported(): number {
    return this.#reported
  }
}

function byTurn(marks: readonly PatchMark[]): ReadonlyMap<number, readonly PatchMark[]> {
  const turns = new Map<number, PatchMark[]>()
  for (const mark of marks) {
    const turn = turns.get(mark[1])
    if (turn === undefined) turns.set(mark[1], [mark])
    else turn.push(mark)
  }
  return turns
}
