import { EventEmitter } from 'node:events'
import { toPayload } from '../../actors/payload-converter.ts'
import { type ActivityCancelReason, ActivityCancellation } from '../activity/cancellation.ts'
import { asyncLocalStorage, Context, type Info } from '../activity/context.ts'
import type { LogLevel, LogMetadata } from '../activity/logger.ts'
import type { Client } from '../client.ts'
import { systemClock } from '../clock.ts'

export interface MockActivityEnvironmentOptions {
  /** What `Context.current().client` is. Default none. */
  readonly client?: Client
  /** Where the activity's log lines go. Default nowhere. */
  readonly logger?: { log(level: LogLevel, message: string, meta?: LogMetadata): void }
}

/** What an activity in a {@link MockActivityEnvironment} knows about itself, if not told otherwise. */
export const defaultActivityInfo: Info = Object.freeze({
  taskToken: Buffer.from('test'),
  base64TaskToken: Buffer.from('test').toString('base64'),
  activityId: 'test',
  activityType: 'unknown',
  attempt: 1,
  idempotencyKey: 'test/00000000-0000-0000-0000-000000000000/test',
  isLocal: false,
  inWorkflow: true,
  namespace: 'test',
  activityNamespace: 'default',
  workflowNamespace: 'default',
  workflowExecution: { workflowId: 'test', runId: '00000000-0000-0000-0000-000000000000' },
  workflowType: 'test',
  taskQueue: 'test',
  scheduledTimestampMs: 1,
  currentAttemptScheduledTimestampMs: 1,
  scheduleToCloseTimeoutMs: 1_000,
  startToCloseTimeoutMs: 1_000,
  heartbeatDetails: undefined,
})

interface MockActivityEvents {
  readonly heartbeat: [details: unknown]
}

/**
 * Runs activity functions alone, without workflow and runtime, in an activity context. What they heartbeat
 * is emitted as 'heartbeat' events; a timeout is not kept.
 *
 * The context is one for all functions of the environment: after {@link MockActivityEnvironment.cancel} each
 * further one is cancelled from the start.
 */
export class MockActivityEnvironment extends EventEmitter<MockActivityEvents> {
  readonly context: Context
  readonly #cancellation = new ActivityCancellation()

  /** @param info what differs from {@link defaultActivityInfo} */
  constructor(info: Partial<Info> = {}, options: MockActivityEnvironmentOptions = {}) {
    super()
    this.context = new Context(
      { ...defaultActivityInfo, ...info },
      {
        clock: systemClock,
        cancellation: this.#cancellation,
        heartbeat: (details) => {
          // Details that could not be recorded fail here too.
          toPayload(details)
          this.emit('heartbeat', details)
        },
        client: () => options.client,
        log: (level, message, meta) => options.logger?.log(level, message, meta),
      },
    )
  }

  /** Tell the function that runs to stop. */
  cancel = (reason: ActivityCancelReason = 'CANCELLED'): void => {
    this.#cancellation.request(reason)
  }

  /** Run a function in the context. Its result and its errors are as it gave them, not converted. */
  async run<Args extends unknown[], Result>(
    fn: (...args: Args) => Result | PromiseLike<Result>,
    ...args: Args
  ): Promise<Result> {
    return await asyncLocalStorage.run(this.context, fn, ...args)
  }
}
