import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { type Frame, FrameWriter, readFrames } from '../actors/frames.ts'
import {
  type SlotEnd,
  type SlotReport,
  type SlotStart,
  STATUS_BYTES,
  StatusField,
} from '../actors/protocol.ts'
import type { SandboxSettings, TurnError, WorkflowBundle } from '../actors/turns.ts'
import { diagnostics } from './diagnostics.ts'
import { SignalboxError } from './errors.ts'
import { loadFailure } from './load-failure.ts'
import type { Logger } from './logger.ts'
import type { SlotStats } from './runtime-stats.ts'
import type { Telemetry } from './telemetry.ts'
import type { WorkerPool } from './worker-pool.ts'

const RESPAWN_MS = 50
/** Beyond this the top level of the workflow code is worth a warning. */
const SLOW_LOAD_MS = 1
const RESPAWN_MAX_MS = 5_000

/** In whose code a worker was when it died or was ended. */
export interface Suspect {
  /** The run, or 0. */
  readonly run: number
  readonly inQuery: boolean
}

export interface SupervisorPorts {
  /** The slot is up, for the first time or anew: it holds no actor. */
  readonly onReady: (slot: SlotSupervisor, workflowTypes: readonly string[]) => void
  readonly onFrame: (slot: SlotSupervisor, frame: Frame) => void
  /** A report was handled whole. */
  readonly onReport: (slot: SlotSupervisor) => void
  /** Its first worker did not come up: the code does not load. It is not started anew. */
  readonly onUnusable: (error: SignalboxError) => void
  /** The worker is gone. */
  readonly onDeath: (slot: SlotSupervisor, suspect: Suspect, reason: string) => void
  /** The fields of a log line that say which run this is. */
  readonly identify: (run: number) => object
}

/**
 * One slot as the host sees it: its worker, its port and how much it has been sent. A worker that
 * dies or is ended is replaced; what the old one still says is not heard, since its port is closed
 * before the new one is made.
 */
export class SlotSupervisor {
  readonly index: number
  readonly #pool: WorkerPool<SlotStart, SlotEnd>
  readonly #bundle: WorkflowBundle
  readonly #ports: SupervisorPorts
  readonly #logger: Logger
  readonly #markerPath: string | undefined
  readonly #startTimeoutMs: number
  readonly #settings: SandboxSettings
  readonly #activityTypes: () => readonly string[]
  readonly #telemetry: Telemetry
  readonly #writer = new FrameWriter()
  #status = new Float64Array(new SharedArrayBuffer(STATUS_BYTES))
  #port: MessagePort | undefined
  #abort: AbortController | undefined
  #ended: Promise<void> = Promise.resolve()
  #killReason: string | undefined
  #suspect: Suspect | undefined
  #startTimer: NodeJS.Timeout | undefined
  #ready = false
  /** One of its workers has come up. If none has, the code itself does not load. */
  #everReady = false
  #closing = false
  #outstanding = 0
  #respawnMs = RESPAWN_MS
  #respawnTimer: NodeJS.Timeout | undefined
  #seenTurns = -1
  #unchanged = 0
  #deaths = 0
  /** Turns of the workers before this one, and those that were told of. */
  #turnsBefore = 0
  #toldTurns = 0

  constructor(
    index: number,
    pool: WorkerPool<SlotStart, SlotEnd>,
    bundle: WorkflowBundle,
    ports: SupervisorPorts,
    logger: Logger,
    options: {
      readonly markerPath: string | undefined
      readonly startTimeoutMs: number
      readonly settings: SandboxSettings
      readonly activityTypes: () => readonly string[]
      readonly telemetry: Telemetry
    },
  ) {
    this.index = index
    this.#pool = pool
    this.#bundle = bundle
    this.#ports = ports
    this.#logger = logger
    this.#markerPath = options.markerPath
    this.#startTimeoutMs = options.startTimeoutMs
    this.#settings = options.settings
    this.#activityTypes = options.activityTypes
    this.#telemetry = options.telemetry
  }

  get ready(): boolean {
    return this.#ready
  }

  /** Bytes sent or about to be sent that the slot has not handled yet. */
  get outstandingBytes(): number {
    return this.#outstanding
  }

  get stats(): SlotStats {
    return {
      index: this.index,
      ready: this.#ready,
      turns: this.#turnsBefore + (this.#status[StatusField.turns] as number),
      deaths: this.#deaths,
      outstandingBytes: this.#outstanding,
    }
  }

  start(): void {
    const { port1, port2 } = new MessageChannel()
    const status = new SharedArrayBuffer(STATUS_BYTES)
    const abort = new AbortController()
    this.#status = new Float64Array(status)
    this.#port = port1
    this.#abort = abort
    this.#killReason = undefined
    this.#suspect = undefined
    this.#startTimer = setTimeout(() => {
      this.kill(
        `the workflow code did not load within slotStartTimeoutMs = ${this.#startTimeoutMs}`,
      )
    }, this.#startTimeoutMs)
    this.#outstanding = 0
    port1.on('message', (report: SlotReport) => this.#hear(report))
    const start = {
      port: port2,
      bundle: this.#bundle,
      status,
      settings: { ...this.#settings, activityTypes: this.#activityTypes() },
      ...(this.#markerPath === undefined
        ? {}
        : { marker: { path: this.#markerPath, slot: this.index } }),
    }
    this.#ended = this.#pool.run(start, abort.signal).then(
      ({ loadError }) => this.#died('the worker ended by itself', loadError),
      (error: unknown) => this.#died(error instanceof Error ? error.message : String(error)),
    )
  }

  write: FrameWriter['write'] = (kind, run, seq, count, body, flags, actor) => {
    const size = this.#writer.write(kind, run, seq, count, body, flags, actor)
    this.#outstanding += body === undefined ? 0 : body.length
    return size
  }

  /** Post what was written in this tick. */
  flush(): void {
    if (this.#writer.length === 0) return
    const frames = this.#writer.take()
    if (diagnostics.deliver.hasSubscribers) {
      const { source } = this.#telemetry
      diagnostics.deliver.publish({ source, slot: this.index, bytes: frames.length })
    }
    this.#port?.postMessage(frames, [frames.buffer])
  }

  /** End the worker at once; it is replaced. */
  kill(reason: string): void {
    if (this.#abort === undefined || this.#killReason !== undefined) return
    this.#killReason = reason
    // Now: until the thread is gone, the turn may end and another run's begin.
    this.#suspect = this.#readSuspect()
    this.#abort.abort()
  }

  /** How many observations in a row found the worker in the same turn. */
  observe(): number {
    const turns = this.#status[StatusField.turns] as number
    const busy = this.#ready && this.#status[StatusField.run] !== 0
    this.#unchanged = busy && turns === this.#seenTurns ? this.#unchanged + 1 : 0
    this.#seenTurns = turns
    return this.#unchanged
  }

  /** The run in whose code the worker is, or 0. */
  get currentRun(): number {
    return this.#status[StatusField.run] as number
  }

  /** Let the worker end by itself; kill it after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    clearTimeout(this.#startTimer)
    clearTimeout(this.#respawnTimer)
    this.#port?.close()
    const timer = setTimeout(() => this.#abort?.abort(), graceMs)
    await this.#ended
    clearTimeout(timer)
  }

  #readSuspect(): Suspect {
    return { run: this.currentRun, inQuery: this.#status[StatusField.query] === 1 }
  }

  #hear(report: SlotReport): void {
    if (!this.#ready) {
      clearTimeout(this.#startTimer)
      this.#ready = true
      if (!this.#everReady) this.#warnOfLoad(report.loadMs ?? 0)
      this.#everReady = true
      this.#ports.onReady(this, report.workflowTypes ?? [])
    }
    this.#outstanding -= report.consumed
    if (report.frames.length > 0) {
      this.#respawnMs = RESPAWN_MS
      readFrames(report.frames, (frame) => this.#ports.onFrame(this, frame))
    }
    this.#ports.onReport(this)
    if (diagnostics.turn.hasSubscribers) this.#tellTurns(report.consumed)
  }

  #tellTurns(bytes: number): void {
    const { turns } = this.stats
    const { source } = this.#telemetry
    diagnostics.turn.publish({ source, slot: this.index, turns: turns - this.#toldTurns, bytes })
    this.#toldTurns = turns
  }

  /** Each run evaluates the modules of the code anew, so that their state is its own. */
  #warnOfLoad(loadMs: number): void {
    if (this.index !== 0 || loadMs <= SLOW_LOAD_MS) return
    this.#logger.warn(
      { loadMs },
      `the top level of the workflow code takes ${loadMs.toFixed(1)} ms, which each run costs when it ` +
        'comes into being: import less there, or name large packages in sharedModules',
    )
  }

  #neverReady(error: string): SignalboxError {
    const died = `the worker that loaded the workflow code died: ${error}`
    return new SignalboxError('SIGNALBOX_ERR_BUNDLE_FAILED', this.#killReason ?? died)
  }

  #died(error: string, loadError?: TurnError): void {
    clearTimeout(this.#startTimer)
    const suspect = this.#suspect ?? this.#readSuspect()
    const unusable = loadError && loadFailure(loadError, this.#bundle)
    const reason = this.#killReason ?? unusable?.message ?? error
    this.#port?.removeAllListeners('message')
    this.#port?.close()
    this.#port = undefined
    this.#abort = undefined
    this.#ready = false
    this.#unchanged = 0
    this.#writer.take()
    if (this.#closing) return
    if (!this.#everReady) return this.#ports.onUnusable(unusable ?? this.#neverReady(error))
    this.#deaths++
    this.#turnsBefore += this.#status[StatusField.turns] as number
    this.#status = new Float64Array(new SharedArrayBuffer(STATUS_BYTES))
    this.#telemetry.slotDied(this.index, reason)
    const whose = this.#ports.identify(suspect.run)
    this.#logger.warn({ slot: this.index, ...whose, reason }, 'slot died; starting it anew')
    this.#ports.onDeath(this, suspect, reason)
    this.#respawnTimer = setTimeout(() => this.start(), this.#respawnMs)
    this.#respawnMs = Math.min(this.#respawnMs * 2, RESPAWN_MAX_MS)
  }
}
