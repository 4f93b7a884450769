import type { Failure } from '../actors/failure.ts'
import type {
  ActivityExecutor,
  AttemptEvents,
  AttemptOutcome,
  RunningAttempt,
} from './activity-executor.ts'
import { RUNTIME_SOURCE } from './activity-failure.ts'
import type { ActivityTimeouts } from './activity-policy.ts'
import { type ActivityTask, taskAttributes } from './activity-task.ts'
import type { ActivityCancelReason } from './activity/cancellation.ts'
import type { LogWriter } from './activity/logger.ts'
import type { Payload } from '../actors/payload.ts'
import type { CodecChain } from './payload-codec.ts'

/**
 * Runs activities whose tasks and outcomes rest encoded: what goes to the function is decoded, what
 * comes from it is encoded.
 *
 * Guarantee: as that of every executor, and heartbeats are told in their order and before the outcome.
 */
export class CodecActivities implements ActivityExecutor {
  readonly #executor: ActivityExecutor
  readonly #codec: CodecChain
  readonly #log: LogWriter

  constructor(executor: ActivityExecutor, codec: CodecChain, log: LogWriter) {
    this.#executor = executor
    this.#codec = codec
    this.#log = log
  }

  get activityTypes(): readonly string[] {
    return this.#executor.activityTypes
  }

  start(task: ActivityTask, timeouts: ActivityTimeouts, events: AttemptEvents): RunningAttempt {
    const attempt = new CodecAttempt(task, this.#codec, this.#log, events)
    attempt.begin((decoded, plainEvents) => this.#executor.start(decoded, timeouts, plainEvents))
    return attempt
  }

  close(): Promise<void> {
    return this.#executor.close()
  }
}

type Start = (task: ActivityTask, events: AttemptEvents) => RunningAttempt

class CodecAttempt implements RunningAttempt {
  readonly #task: ActivityTask
  readonly #codec: CodecChain
  readonly #log: LogWriter
  readonly #events: AttemptEvents
  #running: RunningAttempt | undefined
  #cancelled: ActivityCancelReason | undefined
  #detached = false
  /** What the function said last, once the runner has heard it. */
  #told: Promise<void> = Promise.resolve()

  constructor(task: ActivityTask, codec: CodecChain, log: LogWriter, events: AttemptEvents) {
    this.#task = task
    this.#codec = codec
    this.#log = log
    this.#events = events
  }

  begin(start: Start): void {
    this.#codec.decode(this.#task).then(
      (task) => {
        if (this.#detached) return
        this.#running = start(task, {
          ended: (outcome) => this.#tell(this.#encodeOutcome(outcome)),
          heartbeat: (details) => this.#heartbeat(details),
        })
        if (this.#cancelled !== undefined) this.#running.cancel(this.#cancelled)
      },
      (error: unknown) => {
        this.#tell(Promise.resolve(() => this.#events.ended(failedBy(error))))
      },
    )
  }

  cancel(reason: ActivityCancelReason): void {
    this.#cancelled ??= reason
    this.#running?.cancel(reason)
  }

  detach(): void {
    this.#detached = true
    this.#running?.detach()
  }

  /** In the order of the calls, and not after {@link detach}. */
  #tell(said: Promise<() => void>): void {
    this.#told = this.#told.then(async () => {
      const say = await said
      if (!this.#detached) say()
    })
  }

  async #encodeOutcome(outcome: AttemptOutcome): Promise<() => void> {
    let encoded: AttemptOutcome
    try {
      encoded = await this.#codec.encode(outcome)
    } catch (error) {
      encoded = failedBy(error)
    }
    return () => this.#events.ended(encoded)
  }

  #heartbeat(details: readonly Payload[]): void {
    this.#tell(
      this.#codec.encode({ details }).then(
        (encoded) => () => this.#events.heartbeat(encoded.details),
        (error: unknown) => () => {
          this.#log('WARN', 'Heartbeat details were not saved', {
            ...taskAttributes(this.#task),
            error: reasonOf(error),
          })
          // It is a sign of life all the same.
          this.#events.heartbeat(this.#task.heartbeatDetails ?? [null])
        },
      ),
    )
  }
}

/** Says nothing of what could not be encoded or decoded. The retry policy decides what follows. */
function failedBy(error: unknown): AttemptOutcome {
  const failure: Failure = {
    message: reasonOf(error),
    source: RUNTIME_SOURCE,
    applicationFailureInfo: { type: 'PayloadCodecError', nonRetryable: false },
  }
  return { status: 'failed', failure }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
