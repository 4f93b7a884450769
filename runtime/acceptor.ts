import { EncodedInput } from '../actors/encoded-inputs.ts'
import { bytesOfInput } from '../actors/history-length.ts'
import {
  type ActivityResolution,
  type ExecutionRef,
  type Input,
  InputKind,
  type LocalActivityResolution,
  type SignaledInput,
  type StartedAttributes,
  type UpdateRequestedInput,
} from '../actors/inputs.ts'
import type { PayloadMap, Payload } from '../actors/payload.ts'
import type { WrittenInput } from '../actors/records.ts'
import { checkAttributes } from './check-attributes.ts'
import type { Committer } from './committer.ts'
import { defined } from './defined.ts'
import { SignalboxError } from './errors.ts'
import type { NewRecord, RunProgress } from './journal.ts'
import type { LinkedInput } from './linked-effect.ts'
import { firstAttributes, firstRow, timeoutOf } from './new-run.ts'
import type { ResolvedOptions } from './options.ts'
import { checkPayloadMap, checkPayloads } from './payload-size.ts'
import type { RequestOperation } from './request-hash.ts'
import type { RequestLedger } from './request-ledger.ts'
import {
  activityCancelKey,
  activityKey,
  runKey,
  timerKey,
  type TimerRow,
  workflowIdKey,
} from './row-keys.ts'
import type { Run } from './run.ts'
import { createRunId } from './run-id.ts'
import { encodeRunRow, type RunRow } from './run-row.ts'
import { encodeKey, type RunTable } from './run-table.ts'
import type { Telemetry } from './telemetry.ts'
import type { VisibilityIndex } from './visibility-index.ts'
import type { SignalRequest, StartRequest, UpdateRequest } from './workflow-service.ts'

/** Inputs of the engine itself count a little against the bounds, and are never refused. */
const INTERNAL_INPUT_BYTES = 64
/** The timer number that stands for the run's own timeout. */
export const RUN_TIMEOUT_SEQ = 0
/** The timer number that stands for a delayed run's first turn. */
export const FIRST_TURN_SEQ = 2 ** 32 - 1

export interface AcceptorPorts {
  readonly options: ResolvedOptions
  readonly runs: RunTable
  readonly committer: Committer
  readonly requests: RequestLedger
  readonly telemetry: Telemetry
}

/** A signal that a workflow sends. */
interface SignalFromWorkflow {
  readonly signalName: string
  readonly args: readonly Payload[]
  /** The sender's run and the number of its command. */
  readonly requestId: string
  readonly headers: PayloadMap | undefined
  readonly external: ExecutionRef
}

/**
 * Takes inputs into runs: gives each its place in the run's queue, in the caller's own tick, and
 * leaves the rest to the commit. What clients send is bounded here; results, timers and cancels are
 * not, since a run that cannot receive them could never empty its mailbox.
 */
export class Acceptor {
  readonly #options: ResolvedOptions
  readonly #runs: RunTable
  readonly #committer: Committer
  readonly #requests: RequestLedger
  readonly #index: VisibilityIndex
  readonly #onTimer: (timer: TimerRow) => void
  /** Who is told, after the commit, of rows that were saved. Undefined while nobody listens. */
  rowWatchers: Set<(row: RunRow) => void> | undefined
  readonly #telemetry: Telemetry
  #waitingInputs = 0

  constructor(
    { options, runs, committer, requests, telemetry }: AcceptorPorts,
    index: VisibilityIndex,
    onTimer: (timer: TimerRow) => void,
  ) {
    this.#options = options
    this.#runs = runs
    this.#committer = committer
    this.#requests = requests
    this.#index = index
    this.#onTimer = onTimer
    this.#telemetry = telemetry
  }

  /** The engine's time. */
  get now(): number {
    return this.#options.clock.now()
  }

  /** Inputs of all runs that wait to be handled. */
  get waitingInputs(): number {
    return this.#waitingInputs
  }

  /** Turns have ended. */
  handled(inputs: number): void {
    this.#telemetry.processedInputs += inputs
    this.#waitingInputs -= inputs
  }

  /** Their run has closed past them. */
  dropped(inputs: number): void {
    this.#waitingInputs -= inputs
  }

  /** Inputs found in the journal at open. */
  recovered(inputs: number): void {
    this.#waitingInputs += inputs
  }

  /** @throws SIGNALBOX_ERR_MAILBOX_FULL when the run, or the runtime, holds all it may */
  checkRoom(run: Run | undefined): void {
    const { limits } = this.#options
    const full =
      run !== undefined && run.mailboxDepth >= limits.maxMailboxDepth
        ? `workflow ${run.row.workflowId} has maxMailboxDepth = ${limits.maxMailboxDepth} inputs waiting`
        : this.#waitingInputs >= limits.maxWaitingInputs
          ? `maxWaitingInputs = ${limits.maxWaitingInputs} inputs wait to be handled`
          : this.#committer.uncommittedBytes >= limits.maxUncommittedBytes
            ? `maxUncommittedBytes = ${limits.maxUncommittedBytes} bytes wait to be written`
            : undefined
    if (full === undefined) return
    throw new SignalboxError(
      'SIGNALBOX_ERR_MAILBOX_FULL',
      `${full}; nothing was written, retry later.`,
      { fields: { retryAfterMs: 1_000 } },
    )
  }

  /** The size of a start's payloads. @throws SIGNALBOX_ERR_PAYLOAD_TOO_LARGE */
  measureStart(
    request: Pick<StartRequest, 'args' | 'memo' | 'userMetadata' | 'searchAttributes' | 'headers'>,
  ): number {
    const { limits } = this.#options
    const { maxPayloadBytes } = limits
    checkAttributes(request, limits)
    return (
      checkPayloads(request.args, maxPayloadBytes, 'input') +
      checkPayloadMap(request.memo, maxPayloadBytes, 'memo') +
      checkPayloadMap(request.userMetadata, maxPayloadBytes, 'userMetadata') +
      checkPayloadMap(request.searchAttributes, maxPayloadBytes, 'searchAttributes') +
      checkPayloadMap(request.headers, maxPayloadBytes, 'header')
    )
  }

  /** The size of a signal's or update's payloads. @throws SIGNALBOX_ERR_PAYLOAD_TOO_LARGE */
  measureSignal(request: Pick<SignalRequest, 'args' | 'headers'>): number {
    const { maxPayloadBytes } = this.#options.limits
    return (
      checkPayloads(request.args, maxPayloadBytes, 'input') +
      checkPayloadMap(request.headers, maxPayloadBytes, 'header')
    )
  }

  /** Create a run with its started input; the caller has applied the id policies. */
  start(
    request: StartRequest & { readonly namespace: string },
    groups: RunRow['groups'] = [],
  ): Run {
    const bytes = this.measureStart(request)
    const now = this.now
    const key = this.#runs.allocateKey()
    const attributes = firstAttributes(request, createRunId(key, now), now, this.#options.taskQueue)
    return this.createRun(key, bytes, now, groups, attributes)
  }

  /** Create a run of any origin. Its rows and its started input share one commit. */
  createRun(
    key: number,
    bytes: number,
    now: number,
    groups: RunRow['groups'],
    attributes: StartedAttributes,
  ): Run {
    const row = firstRow(attributes, now, groups)
    const run = this.#runs.add(key, row)
    const input: Input = [InputKind.started, now, attributes]
    if (attributes.requestId !== undefined) {
      this.#remember(run, 'start', attributes.requestId, input)
    }
    this.#take(run, input, bytes + INTERNAL_INPUT_BYTES)
    this.#committer.putRow(workflowIdKey(row.namespace, row.workflowId), encodeKey(key))
    this.#index.add(key, row)
    this.saveRow(run, row)
    this.#startRunTimeout(run)
    if (row.executionTime !== undefined) {
      this.startTimer({ dueTime: row.executionTime, run: key, seq: FIRST_TURN_SEQ })
    }
    return run
  }

  /** Create a run with a history, which is `records`: its turns up to `processed` have ended. */
  createRunFrom(
    key: number,
    row: RunRow,
    records: readonly NewRecord[],
    { head, processed }: RunProgress,
  ): Run {
    const run = this.#runs.add(key, row)
    run.head = head
    run.processed = processed
    run.processedRecorded = processed
    this.#waitingInputs += head - processed
    this.#committer.addRecords(records)
    this.#committer.putRow(workflowIdKey(row.namespace, row.workflowId), encodeKey(key))
    this.saveRow(run, row)
    this.#index.add(key, row)
    this.#startRunTimeout(run)
    return run
  }

  /**
   * The wait for a delayed run's first turn is over: its time has come, or something does not wait for
   * it. All that it was sent meanwhile is in that turn, as on Temporal.
   *
   * Guarantee: the timer's row and the mark in the run's row go in one commit, so after a crash the run
   * either waits or has begun.
   */
  beginTurns(run: Run): void {
    const { delayed, executionTime = 0, ...row } = run.row
    if (delayed !== true) return
    const last = run.head + run.pending.length
    this.saveRow(run, {
      ...row,
      executionTime: this.now,
      groups: last > 1 ? [[1, last]] : [],
    })
    this.#committer.deleteRow(timerKey(executionTime, run.key, FIRST_TURN_SEQ))
  }

  /** The run's own timeout is the timer with the number {@link RUN_TIMEOUT_SEQ}. */
  #startRunTimeout(run: Run): void {
    const dueTime = timeoutOf(run.row)
    if (dueTime !== undefined) this.startTimer({ dueTime, run: run.key, seq: RUN_TIMEOUT_SEQ })
  }

  /** A timer of the run. Its row goes in the open commit, and it is armed after that. */
  startTimer(timer: TimerRow): void {
    this.#committer.putRow(timerKey(timer.dueTime, timer.run, timer.seq), NO_VALUE)
    this.#committer.afterCommit(() => this.#onTimer(timer))
  }

  /** Change a run's summary; written with the open batch. */
  saveRow(run: Run, row: RunRow): void {
    if (run.row.quarantined !== row.quarantined) {
      this.#telemetry.noteQuarantine(run.key, row.quarantined !== undefined, this.#committer)
    }
    const didAwaitTurns = run.awaitsTurns
    if (run.row !== row) this.#index.change(run.key, run.row, row)
    run.row = row
    if (run.awaitsTurns !== didAwaitTurns) {
      this.#waitingInputs += didAwaitTurns ? -run.mailboxDepth : run.mailboxDepth
    }
    this.#committer.putRow(runKey(run.key), encodeRunRow(row))
    if (this.rowWatchers !== undefined) this.#tellWatchers(row)
  }

  #tellWatchers(row: RunRow): void {
    this.#committer.afterCommit(() => {
      for (const watcher of this.rowWatchers ?? []) watcher(row)
    })
  }

  /** Take a client's signal. The caller has found the run open and the request new. */
  signal(
    run: Run,
    request: Pick<SignalRequest, 'signalName' | 'args' | 'requestId' | 'identity' | 'headers'>,
  ): void {
    const bytes = this.measureSignal(request)
    const { requestId, identity, headers } = request
    const input: SignaledInput =
      requestId === undefined && identity === undefined && headers === undefined
        ? [InputKind.signaled, this.now, request.signalName, request.args]
        : [
            InputKind.signaled,
            this.now,
            request.signalName,
            request.args,
            defined({ requestId, identity, headers }),
          ]
    if (requestId !== undefined) this.#remember(run, 'signal', requestId, input)
    this.#take(run, input, bytes + request.signalName.length + INTERNAL_INPUT_BYTES)
  }

  /** Take a workflow's signal. It is not refused for want of room, and its size was checked before. */
  signalFrom(
    run: Run,
    { signalName, args, requestId, headers, external }: SignalFromWorkflow,
  ): void {
    const attributes = { requestId, external, ...(headers === undefined ? {} : { headers }) }
    const input: SignaledInput = [InputKind.signaled, this.now, signalName, args, attributes]
    this.#remember(run, 'signal', requestId, input)
    this.#take(run, input, bytesOfInput(input) + INTERNAL_INPUT_BYTES)
  }

  /** News of another workflow for the run that caused it. */
  takeNews(run: Run, input: LinkedInput): void {
    const [kind, , ...rest] = input
    const taken = [kind, this.now, ...rest] as unknown as LinkedInput
    this.#take(run, taken, bytesOfInput(taken) + INTERNAL_INPUT_BYTES)
  }

  /** Take a client's update. The caller has found the run open and the update id new to it. */
  update(
    run: Run,
    request: Pick<UpdateRequest, 'updateName' | 'args' | 'identity' | 'headers'>,
    updateId: string,
  ): void {
    const bytes = this.measureSignal(request)
    const { updateName, args, identity, headers } = request
    const attributes = defined({ identity, headers })
    const input: UpdateRequestedInput = [
      InputKind.updateRequested,
      this.#options.clock.now(),
      updateId,
      updateName,
      args,
      attributes,
    ]
    this.#take(run, input, bytes + updateName.length + updateId.length + INTERNAL_INPUT_BYTES)
  }

  /** Take over an input of another run. */
  carry(run: Run, input: WrittenInput): void {
    const decoded = input instanceof EncodedInput ? input.decoded : input
    const requestId = decoded?.[0] === InputKind.signaled ? decoded[4]?.requestId : undefined
    if (decoded !== undefined && requestId !== undefined) {
      this.#remember(run, 'signal', requestId, decoded)
    }
    this.#take(run, input, INTERNAL_INPUT_BYTES)
  }

  cancel(
    run: Run,
    attributes: {
      readonly reason?: string | undefined
      readonly identity?: string | undefined
      readonly requestId?: string | undefined
      readonly external?: ExecutionRef | undefined
    },
  ): void {
    this.#take(
      run,
      [InputKind.cancelRequested, this.now, defined(attributes)],
      INTERNAL_INPUT_BYTES,
    )
    this.saveRow(run, { ...run.row, cancelRequested: true })
    // As on Temporal, a delayed run is cancelled at once: its commit brings the first turn.
    this.beginTurns(run)
  }

  /** An activity's one outcome. Its row goes in the same commit, so it is recorded exactly once. */
  resolveActivity(run: Run, seq: number, resolution: ActivityResolution): void {
    this.#take(run, [InputKind.activityResolved, this.now, seq, resolution], INTERNAL_INPUT_BYTES)
    this.forgetActivity(run, seq)
  }

  /** As {@link resolveActivity}, for a local activity. */
  resolveLocalActivity(run: Run, seq: number, resolution: LocalActivityResolution): void {
    const input: Input = [InputKind.localActivityResolved, this.now, seq, resolution]
    this.#take(run, input, INTERNAL_INPUT_BYTES)
    this.forgetActivity(run, seq)
  }

  /** The rows of an activity that has an outcome. */
  forgetActivity(run: Run, seq: number): void {
    if (run.removeActivity(seq)) this.#committer.deleteRow(activityCancelKey(run.key, seq))
    this.#committer.deleteRow(activityKey(run.key, seq))
  }

  /** A timer's firing, at its due time or later. Its row goes in the same commit. */
  fireTimer(run: Run, seq: number, dueTime: number): void {
    const time = Math.max(this.now, dueTime)
    this.#take(run, [InputKind.timerFired, time, seq], INTERNAL_INPUT_BYTES)
    this.#committer.deleteRow(timerKey(dueTime, run.key, seq))
  }

  /** The row of a timer that has nothing to do any more. */
  forgetTimer(timer: TimerRow): void {
    this.#committer.deleteRow(timerKey(timer.dueTime, timer.run, timer.seq))
  }

  /** Record an input that closes the run past its mailbox. */
  appendClosing(run: Run, input: Input): void {
    this.#take(run, input, INTERNAL_INPUT_BYTES)
  }

  /** Take what an operator did to the run. It is not refused for want of room. */
  takeRequest(
    run: Run,
    operation: RequestOperation,
    requestId: string | undefined,
    input: Input,
  ): void {
    if (requestId !== undefined) this.#remember(run, operation, requestId, input)
    this.#take(run, input, INTERNAL_INPUT_BYTES)
  }

  #take(run: Run, input: WrittenInput, bytes: number): void {
    // Those of a delayed or paused run wait for something else: they must not fill the runtime's bound.
    if (run.awaitsTurns) this.#waitingInputs++
    const kind = input instanceof EncodedInput ? input.kind : input[0]
    ;(this.#telemetry.acceptedInputs[kind] as number)++
    this.#committer.accept(run, input, bytes)
  }

  #remember(run: Run, operation: RequestOperation, requestId: string, input: Input): void {
    const hash = this.#requests.add(run, operation, requestId, input)
    this.#committer.afterCommit(() => this.#requests.committed(hash, input))
  }
}

const NO_VALUE = new Uint8Array(0)
