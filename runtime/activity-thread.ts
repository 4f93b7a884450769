import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Failure } from '../actors/failure.ts'
import type { AttemptEvents } from './activity-executor.ts'
import { RUNTIME_SOURCE } from './activity-failure.ts'
import type {
  ActivityThreadStart,
  FromActivityThread,
  ToActivityThread,
  UnusableFile,
} from './activity-messages.ts'
import type { LogWriter } from './activity/logger.ts'
import type { WorkerPool } from './worker-pool.ts'

const RESPAWN_MS = 50
const RESPAWN_MAX_MS = 5_000

export interface ActivityThreadPorts {
  readonly log: LogWriter
  readonly onReady: (activityTypes: readonly string[]) => void
  /** The module could not be loaded when the thread was opened. No other one is started. */
  readonly onUnusable: (file: UnusableFile) => void
}

/** An attempt in a thread: what it was told with, and whether it was. */
interface Held {
  readonly events: AttemptEvents
  readonly start: ToActivityThread
  sent: boolean
  /** It is to be told of this as soon as there is a thread again. */
  cancel?: ToActivityThread & { readonly is: 'cancel' }
}

/**
 * One thread of activities as the host sees it. One that dies, or that does not answer a cancel for
 * long, is replaced.
 *
 * Guarantee: what had begun in a thread that died fails as an attempt does, so that its retry policy
 * decides; what had not goes to the next one.
 */
export class ActivityThread {
  readonly #pool: WorkerPool<ActivityThreadStart, void>
  readonly #start: Omit<ActivityThreadStart, 'port'>
  readonly #ports: ActivityThreadPorts
  readonly #stuckAfterMs: number
  readonly #attempts = new Map<number, Held>()
  #port: MessagePort | undefined
  #abort: AbortController | undefined
  #ended: Promise<void> = Promise.resolve()
  #stuckTimer: NodeJS.Timeout | undefined
  #respawnTimer: NodeJS.Timeout | undefined
  #respawnMs = RESPAWN_MS
  #reason: string | undefined
  #everReady = false
  #closing = false

  /** @param stuckAfterMs a thread that answers no cancel for this long is ended */
  constructor(
    pool: WorkerPool<ActivityThreadStart, void>,
    start: Omit<ActivityThreadStart, 'port'>,
    stuckAfterMs: number,
    ports: ActivityThreadPorts,
  ) {
    this.#pool = pool
    this.#start = start
    this.#stuckAfterMs = stuckAfterMs
    this.#ports = ports
  }

  /** It has loaded the module, if not lately. */
  get everReady(): boolean {
    return this.#everReady
  }

  /** Attempts that have not ended. */
  get load(): number {
    return this.#attempts.size
  }

  open(): void {
    const { port1, port2 } = new MessageChannel()
    const abort = new AbortController()
    this.#port = port1
    this.#abort = abort
    this.#reason = undefined
    port1.on('message', (message: FromActivityThread) => this.#hear(message))
    this.#ended = this.#pool.run({ ...this.#start, port: port2 }, abort.signal).then(
      () => this.#died('it ended by itself'),
      (error: unknown) => this.#died(error instanceof Error ? error.message : String(error)),
    )
    for (const held of this.#attempts.values()) this.#send(held)
  }

  start(message: ToActivityThread & { readonly is: 'start' }, events: AttemptEvents): void {
    const held: Held = { events, start: message, sent: false }
    this.#attempts.set(message.id, held)
    this.#send(held)
  }

  /** Told even of an attempt that is not listened to any more: its function may go on. */
  cancel(message: ToActivityThread & { readonly is: 'cancel' }): void {
    if (this.#port === undefined) {
      const held = this.#attempts.get(message.id)
      if (held !== undefined) held.cancel = message
      return
    }
    this.#port.postMessage(message, [])
    this.#stuckTimer ??= setTimeout(
      () => this.#kill(`it answered nothing for activityThreadTimeoutMs = ${this.#stuckAfterMs}`),
      this.#stuckAfterMs,
    ).unref()
  }

  detach(id: number): void {
    if (this.#attempts.delete(id)) this.#port?.postMessage({ is: 'detach', id })
  }

  /** Let the thread end by itself; end it after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    clearTimeout(this.#respawnTimer)
    clearTimeout(this.#stuckTimer)
    this.#port?.close()
    const timer = setTimeout(() => this.#abort?.abort(), graceMs)
    await this.#ended
    clearTimeout(timer)
  }

  #send(held: Held): void {
    if (this.#port === undefined) return
    held.sent = true
    this.#port.postMessage(held.start, [])
    if (held.cancel !== undefined) this.cancel(held.cancel)
  }

  #hear(message: FromActivityThread): void {
    switch (message.is) {
      case 'ready':
        this.#everReady = true
        this.#respawnMs = RESPAWN_MS
        return this.#ports.onReady(message.activityTypes)
      case 'unusable':
        // It ends when it is closed: a thread that is ended while another takes its place may end the process.
        if (!this.#everReady) return this.#ports.onUnusable(message)
        return this.#kill(`its module cannot be loaded: ${message.reason}`)
      case 'heard':
        clearTimeout(this.#stuckTimer)
        this.#stuckTimer = undefined
        return
      case 'log':
        return this.#ports.log(message.level, message.message, message.meta)
      case 'heartbeat':
        return this.#attempts.get(message.id)?.events.heartbeat(message.details)
      case 'ended': {
        const held = this.#attempts.get(message.id)
        this.#attempts.delete(message.id)
        return held?.events.ended(message.outcome)
      }
      default:
        message satisfies never
    }
  }

  #kill(reason: string): void {
    if (this.#abort === undefined || this.#reason !== undefined) return
    this.#reason = reason
    this.#abort.abort()
  }

  #died(error: string): void {
    const reason = this.#reason ?? error
    clearTimeout(this.#stuckTimer)
    this.#stuckTimer = undefined
    this.#port?.removeAllListeners('message')
    this.#port?.close()
    this.#port = undefined
    this.#abort = undefined
    if (this.#closing) return
    if (!this.#everReady) {
      return this.#ports.onUnusable({ reason: `its thread died: ${reason}`, fields: {} })
    }
    this.#ports.log('WARN', 'A thread of activities died; starting it anew', { reason })
    for (const [id, { events, sent }] of this.#attempts) {
      if (!sent) continue
      this.#attempts.delete(id)
      events.ended({ status: 'failed', failure: threadDied(reason) })
    }
    this.#respawnTimer = setTimeout(() => this.open(), this.#respawnMs)
    this.#respawnMs = Math.min(this.#respawnMs * 2, RESPAWN_MAX_MS)
  }
}

function threadDied(reason: string): Failure {
  return {
    message: `The thread in which the activity ran died: ${reason}`,
    source: RUNTIME_SOURCE,
    applicationFailureInfo: { type: 'ActivityThreadDied', nonRetryable: false },
  }
}
