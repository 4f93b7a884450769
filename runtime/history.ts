import {
  type Command,
  isTerminal,
  type TerminalCommand,
  type UpdateCommand,
} from '../actors/commands.ts'
import {
  bytesOfCommand,
  bytesOfInput,
  EVENTS_BEFORE_CODE_RUNS,
  isContinueAsNewSuggested,
} from '../actors/history-length.ts'
import {
  type Input,
  InputKind,
  type LocalActivityResolvedInput,
  type StartedAttributes,
  type TerminatedInput,
  type TimedOutInput,
} from '../actors/inputs.ts'
import type { EncodedPayload, PayloadMap } from '../actors/payload.ts'
import { mergeMemo, mergeSearchAttributes } from '../actors/search-attribute-payloads.ts'
import { CHANGE_VERSION, changeVersionPayload } from './change-versions.ts'
import type { LocalMarkers } from '../actors/local-activity-tasks.ts'
import {
  markerAttributes,
  propertiesAttributes,
  terminalAttributes,
  terminalEvent,
  upsertAttributes,
} from './history-commands.ts'
import {
  cancelRequestedAttributes,
  resetAttributes,
  signaledAttributes,
  startedAttributes,
  taskQueueToJson,
  terminatedAttributes,
} from './history-inputs.ts'
import {
  attributesKey,
  durationToJson,
  type JsonMessage,
  jsonMessage,
  timeToJson,
  userMetadataField,
} from './history-json.ts'
import { ActivityHistory } from './activity-history.ts'
import { UpdateHistory } from './update-history.ts'
import type { HistoryRun, HistoryTurn, HistoryView, HistoryWindow } from './history-view.ts'
import { LinkedHistory } from './history-links.ts'
import { LocalActivityHistory, type LocalActivityMarker } from './local-activity-history.ts'
import type { HistoryEvent } from './workflow-service.ts'
import { isOpenStatus } from './workflow-status.ts'

export type { HistoryRun, HistoryTurn, HistoryView, HistoryWindow } from './history-view.ts'

/** The SDK's behaviours that our turns have, without which a replay would run older ones. */
const SDK_METADATA: JsonMessage = { langUsedFlags: [1, 2], coreUsedFlags: [1, 2, 3] }

/** The whole history of a run as Temporal's events in proto3 JSON. */
export function exportHistory(turns: Iterable<HistoryTurn>, run: HistoryRun): HistoryEvent[] {
  return [...viewHistory(turns, run).events]
}

/** The part of a run's history that a window shows. */
export function viewHistory(
  turns: Iterable<HistoryTurn>,
  run: HistoryRun,
  window: HistoryWindow = {},
): HistoryView {
  const exporter = new HistoryExporter(run, window)
  for (const turn of turns) {
    if (!exporter.addTurn(turn)) break
  }
  return exporter
}

/** The whole history event by event: nothing is kept of those that were taken. */
export function* streamEvents(
  turns: Iterable<HistoryTurn>,
  run: HistoryRun,
): Generator<HistoryEvent> {
  const exporter = new HistoryExporter(run, {})
  for (const turn of turns) {
    const goesOn = exporter.addTurn(turn)
    yield* exporter.events.splice(0)
    if (!goesOn) return
  }
}

/**
 * Turns inputs and commands into the events that Temporal would have written for them, so that its
 * replayer takes our runs.
 *
 * Guarantees:
 * - a turn is its input events, then SCHEDULED, STARTED and COMPLETED of one workflow task, then its
 *   commands' events in the order in which they were issued; nothing stands between SCHEDULED and
 *   COMPLETED, or else the replayer would merge turns and deliver signals too early
 * - the id of a turn's STARTED is the `historyLength` that the turn's code saw, and its time is the
 *   `Date.now()` that it saw
 * - ids have no gaps, and those of ended turns never change
 * - a timer that fired after it was cancelled has no event and no workflow task
 * - an update is no input event: it is told when it is accepted, and if it is rejected there is no event,
 *   nor a workflow task if there was nothing else in the turn
 */
export class HistoryExporter implements HistoryView {
  readonly events: HistoryEvent[] = []
  length = 0
  settledLength = 0
  /** The WORKFLOW_TASK_COMPLETED of the last turn that has a task of its own. */
  taskCompletedId = 0
  readonly #run: HistoryRun
  readonly #from: number
  readonly #to: number
  readonly #closeEventOnly: boolean
  readonly #settledOnly: boolean
  #started: StartedAttributes | undefined
  #memo: PayloadMap | undefined
  #attributes: PayloadMap | undefined
  #size = 0
  #time = 0
  #isClosed = false
  readonly #activities = new ActivityHistory(() => this.#started?.taskQueue ?? '')
  readonly #timers = new Map<number, number>()
  readonly #links = new LinkedHistory(() => this.#started?.namespace ?? '')
  readonly #updates = new UpdateHistory()
  readonly #local = new LocalActivityHistory()

  constructor(run: HistoryRun, window: HistoryWindow) {
    this.#run = run
    this.#from = window.from ?? 1
    this.#to = this.#from + (window.limit ?? Infinity)
    this.#closeEventOnly = window.closeEventOnly ?? false
    this.#settledOnly = window.settledOnly ?? false
  }

  /** @returns false once the run has closed: nothing follows */
  addTurn(turn: HistoryTurn): boolean {
    const lengthBefore = this.length
    let handled = 0
    let markers: LocalMarkers | undefined
    const outcomes: LocalActivityResolvedInput[] = []
    for (const [at, input] of turn.inputs.entries()) {
      if (input[0] === InputKind.terminated || input[0] === InputKind.timedOut) {
        this.#closePastMailbox(input)
        return false
      }
      if (!turn.ended && this.#settledOnly && isOpenStatus(this.#run.status)) continue
      if (input[0] === InputKind.updateRequested) {
        this.#updates.request(turn.firstSeq + at, input)
      } else if (input[0] === InputKind.localActivityResolved) {
        // One that waits to be handled has no event: it is a marker of the task that will handle it.
        const collected = turn.ended ? this.#local.tasks.collect(markers, input) : undefined
        if (collected === undefined) continue
        markers = collected
        outcomes.push(input)
      } else if (this.#addInput(input, turn.ended)) handled++
    }
    if (!turn.ended) return true
    const isTurn = markers !== undefined || handled > 0 || this.#isUpdateTurn(turn)
    if (markers !== undefined) this.#startLocalTask(markers, handled > 0 || hasUpdate(turn))
    else if (isTurn) this.#addWorkflowTask()
    else if (this.length > lengthBefore && !hasUpdate(turn)) {
      this.#local.tasks.ended(turn.lastSeq, 1)
    }
    const before = this.length
    for (const input of outcomes) this.#addMarker(this.#local.ofOutcome(input, this.#time))
    for (const command of turn.commands) this.#addCommand(command, turn.lastSeq)
    if (isTurn) this.#local.tasks.ended(turn.lastSeq, this.length - before)
    this.settledLength = this.length
    return !this.#isClosed
  }

  /** Of updates alone, one of which was accepted: its time is the turn's. */
  #isUpdateTurn({ commands }: HistoryTurn): boolean {
    const accepted = commands.find(({ kind }) => kind === 'acceptUpdate')
    const time = accepted?.kind === 'acceptUpdate' && this.#updates.timeOf(accepted.seq)
    if (time === undefined || time === false) return false
    if (time > this.#time) this.#time = time
    return true
  }

  /** @returns true if the input has an event, and so a workflow task */
  #addInput(input: Input, ended: boolean): boolean {
    if (input[0] === InputKind.timerFired && !this.#timers.has(input[2])) return false
    if (input[1] > this.#time) this.#time = input[1]
    this.#size += bytesOfInput(input)
    const summary = ended || isOpenStatus(this.#run.status) ? undefined : 'not handled'
    switch (input[0]) {
      case InputKind.started:
        this.#started = input[2]
        this.#memo = input[2].memo
        this.#attributes = input[2].searchAttributes
        this.#emit(
          'WORKFLOW_EXECUTION_STARTED',
          () => startedAttributes(input[2]),
          summary,
          input[2].userMetadata,
        )
        break
      case InputKind.signaled:
        this.#emit('WORKFLOW_EXECUTION_SIGNALED', () => signaledAttributes(input), summary)
        break
      case InputKind.activityResolved: {
        const { started, ended } = this.#activities.ofOutcome(input, this.length + 1)
        this.#emit(started.type, started.attributes)
        this.#emit(ended.type, ended.attributes, summary)
        break
      }
      case InputKind.timerFired: {
        const startedEventId = String(this.#timers.get(input[2]))
        this.#timers.delete(input[2])
        const timerId = String(input[2])
        this.#emit('TIMER_FIRED', () => ({ timerId, startedEventId }), summary)
        break
      }
      case InputKind.cancelRequested: {
        const attributes = () => cancelRequestedAttributes(input)
        this.#emit('WORKFLOW_EXECUTION_CANCEL_REQUESTED', attributes, summary)
        break
      }
      case InputKind.childStarted:
      case InputKind.childResolved:
      case InputKind.externalSignalResolved:
      case InputKind.externalCancelResolved: {
        const { type, attributes } = this.#links.ofInput(input, this.length + 1)
        this.#emit(type, attributes, summary)
        break
      }
      case InputKind.paused:
      case InputKind.unpaused: {
        const type = input[0] === InputKind.paused ? 'PAUSED' : 'UNPAUSED'
        this.#emitIgnorable(`WORKFLOW_EXECUTION_${type}`, () => jsonMessage({ ...input[2] }))
        return false
      }
      case InputKind.reset: {
        const started = this.#startTask(this.#size)
        this.#emit('WORKFLOW_TASK_FAILED', () => ({ ...resetAttributes(input), ...started }))
        break
      }
      default:
        break
    }
    return true
  }

  #addWorkflowTask(): void {
    const isFirst = this.taskCompletedId === 0
    if (isFirst) this.#time = Math.max(this.#time, this.#run.executionTime ?? 0)
    const started = this.#startTask(this.#size)
    this.#emit('WORKFLOW_TASK_COMPLETED', () =>
      jsonMessage({ ...started, sdkMetadata: isFirst ? SDK_METADATA : undefined }),
    )
    this.taskCompletedId = this.length
  }

  /** @returns what the event of the task's end refers to */
  #startTask(size: number): { readonly scheduledEventId: string; readonly startedEventId: string } {
    const historyLength = this.length + EVENTS_BEFORE_CODE_RUNS
    this.#emit('WORKFLOW_TASK_SCHEDULED', () => ({
      taskQueue: taskQueueToJson(this.#started?.taskQueue ?? ''),
      startToCloseTimeout: durationToJson(this.#started?.taskTimeoutMs ?? 10_000),
      attempt: 1,
    }))
    const scheduledEventId = String(this.length)
    this.#emit('WORKFLOW_TASK_STARTED', () =>
      jsonMessage({
        scheduledEventId,
        historySizeBytes: String(size),
        suggestContinueAsNew: isContinueAsNewSuggested(historyLength, size) || undefined,
      }),
    )
    return { scheduledEventId, startedEventId: String(this.length) }
  }

  /** The workflow task of a turn with outcomes of local activities; see {@link LocalActivityTasks}. */
  #startLocalTask(markers: LocalMarkers, hasOthers: boolean): void {
    if (markers.time > this.#time) this.#time = markers.time
    const task = hasOthers ? 'own' : this.#local.tasks.taskOf(markers)
    // It says that nothing about the run was changed.
    if (task === 'separated') this.#emitIgnorable('WORKFLOW_EXECUTION_OPTIONS_UPDATED', () => ({}))
    if (task !== 'joined') this.#addWorkflowTask()
    this.#size += markers.bytes
  }

  /** An event that replayers skip. */
  #emitIgnorable(type: string, attributes: () => JsonMessage): void {
    this.#emit(type, attributes)
    const event = this.events.at(-1)
    if (event?.eventId === String(this.length)) {
      this.events[this.events.length - 1] = { ...event, workerMayIgnore: true }
    }
  }

  #addMarker(marker: LocalActivityMarker | undefined): void {
    if (marker === undefined) return
    const workflowTaskCompletedEventId = String(this.taskCompletedId)
    const { attributes, summary } = marker
    const all = () => ({ ...attributes(), workflowTaskCompletedEventId })
    this.#emit('MARKER_RECORDED', all, summary)
  }

  #addCommand(command: Command, turn: number): void {
    this.#size += bytesOfCommand(command)
    const workflowTaskCompletedEventId = String(this.taskCompletedId)
    if (isTerminal(command)) {
      this.#addTerminal(command, workflowTaskCompletedEventId)
      return
    }
    switch (command.kind) {
      case 'scheduleActivity':
      case 'requestCancelActivity': {
        const { type, attributes, summary } = this.#activities.ofCommand(command, this.length + 1)
        this.#emit(type, () => ({ ...attributes(), workflowTaskCompletedEventId }), summary)
        break
      }
      case 'startTimer': {
        const { seq, delayMs, summary } = command
        const startToFireTimeout = durationToJson(delayMs)
        const attributes = {
          timerId: String(seq),
          startToFireTimeout,
          workflowTaskCompletedEventId,
        }
        this.#emit('TIMER_STARTED', () => attributes, summary)
        this.#timers.set(seq, this.length)
        break
      }
      case 'cancelTimer': {
        const { seq } = command
        const startedEventId = String(this.#timers.get(seq) ?? 0)
        this.#timers.delete(seq)
        const attributes = { timerId: String(seq), startedEventId, workflowTaskCompletedEventId }
        this.#emit('TIMER_CANCELED', () => attributes)
        break
      }
      case 'scheduleLocalActivity':
        this.#local.schedule(command, turn)
        break
      case 'startChildWorkflow':
      case 'cancelChildWorkflow':
      case 'signalExternalWorkflow':
      case 'cancelExternalWorkflow': {
        const { type, attributes, summary } = this.#links.ofCommand(
          command,
          this.length + 1,
          this.taskCompletedId,
        )
        this.#emit(type, attributes, summary)
        break
      }
      case 'acceptUpdate':
      case 'completeUpdate':
      case 'rejectUpdate':
        this.#addUpdate(command, workflowTaskCompletedEventId)
        break
      case 'setPatchMarker': {
        const { changeVersions } = command
        const marker = () => ({ ...markerAttributes(command), workflowTaskCompletedEventId })
        this.#emit('MARKER_RECORDED', marker)
        if (changeVersions === undefined) break
        const upserted = { [CHANGE_VERSION]: changeVersionPayload(changeVersions) }
        this.#emit('UPSERT_WORKFLOW_SEARCH_ATTRIBUTES', () => ({
          ...upsertAttributes(upserted),
          workflowTaskCompletedEventId,
        }))
        break
      }
      case 'upsertSearchAttributes': {
        const { searchAttributes } = command
        this.#attributes = mergeSearchAttributes(this.#attributes, searchAttributes)
        const attributes = () => upsertAttributes(searchAttributes)
        this.#emit('UPSERT_WORKFLOW_SEARCH_ATTRIBUTES', () => ({
          ...attributes(),
          workflowTaskCompletedEventId,
        }))
        break
      }
      case 'upsertMemo': {
        this.#memo = mergeMemo(this.#memo, command.memo)
        const attributes = () => propertiesAttributes(command.memo)
        this.#emit('WORKFLOW_PROPERTIES_MODIFIED', () => ({
          ...attributes(),
          workflowTaskCompletedEventId,
        }))
        break
      }
      case 'cancelLocalActivity':
        this.#addMarker(this.#local.ofCancel(command))
        break
      default:
        command satisfies never
    }
  }

  #addUpdate(command: UpdateCommand, workflowTaskCompletedEventId: string): void {
    const event = this.#updates.ofCommand(command, this.length + 1, workflowTaskCompletedEventId)
    if (event === undefined) return
    this.#size += event.bytes
    this.#emit(event.type, event.attributes)
  }

  #addTerminal(command: TerminalCommand, workflowTaskCompletedEventId: string): void {
    const attributes = () => terminalAttributes(command, this.#current(), this.#run)
    this.#isClosed = true
    this.#emit(terminalEvent(command), () => ({ ...attributes(), workflowTaskCompletedEventId }))
  }

  /** What the run was started with, and what it has changed of that. */
  #current(): StartedAttributes | undefined {
    return (
      this.#started && {
        ...this.#started,
        ...(this.#memo === undefined ? {} : { memo: this.#memo }),
        ...(this.#attributes === undefined ? {} : { searchAttributes: this.#attributes }),
      }
    )
  }

  /** Terminated or timed out: no workflow task, and what waited stays as it is. */
  #closePastMailbox(input: TerminatedInput | TimedOutInput): void {
    if (input[1] > this.#time) this.#time = input[1]
    this.#isClosed = true
    if (input[0] === InputKind.terminated) {
      this.#emit('WORKFLOW_EXECUTION_TERMINATED', () => terminatedAttributes(input))
    } else {
      const attributes = () =>
        jsonMessage({
          retryState: `RETRY_STATE_${input[2].retryState}`,
          newExecutionRunId: this.#run.newRunId,
        })
      this.#emit('WORKFLOW_EXECUTION_TIMED_OUT', attributes)
    }
    this.settledLength = this.length
  }

  #emit(
    type: string,
    attributes: () => JsonMessage,
    summary?: string | EncodedPayload,
    metadata?: PayloadMap,
  ): void {
    const id = ++this.length
    if (this.#closeEventOnly ? !this.#isClosed : id < this.#from || id >= this.#to) return
    this.events.push({
      eventId: String(id),
      eventTime: timeToJson(this.#time),
      eventType: `EVENT_TYPE_${type}`,
      [attributesKey(type)]: attributes(),
      ...userMetadataField(summary, metadata),
    })
  }
}

function hasUpdate({ inputs }: HistoryTurn): boolean {
  return inputs.some(([kind]) => kind === InputKind.updateRequested)
}
