import { type Duration, finiteMs } from '../../actors/workflow/duration.ts'
import { asyncLocalStorage } from '../activity/context.ts'
import { Client } from '../client.ts'
import { systemClock } from '../clock.ts'
import type { Engine } from '../engine.ts'
import { SignalboxError } from '../errors.ts'
import { isIdle } from '../idleness.ts'
import { openMemoryJournal } from '../journal-memory.ts'
import type { RuntimeOptions } from '../options.ts'
import { bundleOf, loadOptions, openOver, type Runtime } from '../runtime.ts'
import type {
  CloseStatus,
  UpdateRequest,
  WaitForCloseRequest,
  WorkflowService,
} from '../workflow-service.ts'
import { findRun } from '../workflow-target.ts'
import { SkippingClock } from './skipping-clock.ts'
import { TimeSkipper } from './time-skipper.ts'

/** Between two looks whether a workflow whose result is awaited has been parked. */
const PARKED_POLL_MS = 20
const DEFAULT_ACTIVITY_GRACE_MS = 1_000
/** Tests have no use for activities that go on after them. */
const CLOSE_TIMEOUT_MS = 500

type UpdateWait = Pick<UpdateRequest, 'waitForStage'>

/** What a test environment takes: the options of `Runtime.open`, without a data folder. */
export interface TestWorkflowEnvironmentOptions extends Omit<RuntimeOptions, 'dataDir'> {
  /**
   * Whether `result()` of a workflow that is parked or quarantined rejects with
   * SIGNALBOX_ERR_WORKFLOW_NOT_READY, which has the reason. Default true: in a test nobody mends the code.
   */
  readonly rejectParked?: boolean
}

export interface TimeSkippingTestWorkflowEnvironmentOptions extends TestWorkflowEnvironmentOptions {
  /** The environment's time when it opens. Default: the system's. */
  readonly startTime?: Date | number
  /**
   * How long {@link TestWorkflowEnvironment.sleep} waits for activities that run, in milliseconds of real
   * time, before it passes them. Default 1,000.
   */
  readonly activityGraceMs?: number
}

/**
 * signalbox for tests: in memory, in the process of the test, and with a time that skips what nobody
 * wants to wait for. The shape is that of `@temporalio/testing`; the worker is in it.
 *
 * ```ts
 * const env = await TestWorkflowEnvironment.createTimeSkipping({ workflowsPath, activities })
 * const result = await env.client.workflow.execute(trial, { workflowId: 'trial-1', args: ['ada'] })
 * await env.teardown()
 * ```
 */
export class TestWorkflowEnvironment {
  /** As of {@link Runtime}. While it waits for a result, of a workflow or an update, time is skipped. */
  readonly client: Client
  readonly supportsTimeSkipping: boolean
  readonly namespace = 'default'
  /** For what the client does not have, such as an HTTP API over it. Its own client skips no time. */
  readonly runtime: Runtime
  readonly #engine: Engine
  readonly #skipper: TimeSkipper | undefined
  #closed: Promise<void> | undefined

  private constructor(
    runtime: Runtime,
    engine: Engine,
    skipper: TimeSkipper | undefined,
    rejectParked: boolean,
  ) {
    this.runtime = runtime
    this.#engine = engine
    this.#skipper = skipper
    this.supportsTimeSkipping = skipper !== undefined
    this.client = new Client(this.#service(rejectParked), engine.options)
  }

  /**
   * An environment whose time goes on as usual, but is put forward to the next timer, retry or timeout
   * whenever nothing else is to be done and somebody waits for a result or in {@link sleep}.
   *
   * Time is one for the whole environment: use one for each test that runs at the same time as others.
   *
   * @throws SIGNALBOX_ERR_INVALID_OPTION, SIGNALBOX_ERR_BUNDLE_FAILED
   */
  static createTimeSkipping(
    options: TimeSkippingTestWorkflowEnvironmentOptions,
  ): Promise<TestWorkflowEnvironment> {
    const { startTime, activityGraceMs = DEFAULT_ACTIVITY_GRACE_MS, ...rest } = options
    const clock = new SkippingClock(startTime === undefined ? undefined : Number(startTime))
    return TestWorkflowEnvironment.#open(rest, { clock, activityGraceMs })
  }

  /**
   * The same in real time.
   *
   * @throws SIGNALBOX_ERR_INVALID_OPTION, SIGNALBOX_ERR_BUNDLE_FAILED
   */
  static createLocal(options: TestWorkflowEnvironmentOptions): Promise<TestWorkflowEnvironment> {
    return TestWorkflowEnvironment.#open(options)
  }

  static async #open(
    options: TestWorkflowEnvironmentOptions,
    skipping?: { readonly clock: SkippingClock; readonly activityGraceMs: number },
  ): Promise<TestWorkflowEnvironment> {
    const { rejectParked = true, ...given } = options
    const resolved = await loadOptions({
      slots: 1,
      ...given,
      dataDir: 'in memory',
      limits: { closeTimeoutMs: CLOSE_TIMEOUT_MS, ...given.limits },
    })
    const clock = skipping?.clock ?? systemClock
    const bundle = await bundleOf(resolved)
    const journal = openMemoryJournal()
    const { runtime, engine } = await openOver(journal, bundle, { ...resolved, clock })
    const skipper =
      skipping === undefined
        ? undefined
        : new TimeSkipper({
            ...skipping,
            isIdle: () => isIdle(engine),
            activeActivities: () => engine.activities.active,
          })
    return new TestWorkflowEnvironment(runtime, engine, skipper, rejectParked)
  }

  /**
   * Wait until this much of the environment's time has passed, and what was due by then has been done.
   * With skipping time that takes no longer than the doing. Activities may call it too.
   */
  sleep = async (duration: Duration): Promise<void> => {
    const ms = finiteMs(duration)
    if (this.#skipper !== undefined) {
      await this.#skipper.sleep(ms, asyncLocalStorage.getStore() !== undefined)
      return
    }
    await new Promise<void>((resolve) => {
      systemClock.setTimer(systemClock.now() + ms, resolve)
    })
  }

  /** The environment's time, in milliseconds since the epoch. */
  currentTimeMs(): Promise<number> {
    return Promise.resolve(this.#engine.options.clock.now())
  }

  /** End it. What runs is dropped. Idempotent. */
  teardown(): Promise<void> {
    this.#skipper?.stop()
    this.#closed ??= this.runtime.close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.teardown()
  }

  #service(rejectParked: boolean): WorkflowService {
    const { service } = this.runtime
    const waitForClose = (request: WaitForCloseRequest): Promise<CloseStatus> =>
      rejectParked ? this.#unlessParked(request) : service.waitForClose(request)
    const skipper = this.#skipper
    if (skipper === undefined) return { ...service, waitForClose }
    const forUpdate = <T>({ waitForStage }: UpdateWait, outcome: Promise<T>): Promise<T> =>
      waitForStage === 'COMPLETED' ? skipper.whileWaiting(outcome) : outcome
    return {
      ...service,
      waitForClose: (request) => skipper.whileWaiting(waitForClose(request)),
      updateWorkflow: (request) => forUpdate(request, service.updateWorkflow(request)),
      pollUpdate: (request) => forUpdate(request, service.pollUpdate(request)),
      updateWithStart: async (request) => {
        const started = await service.updateWithStart(request)
        return { ...started, update: forUpdate(request.update, started.update) }
      },
    }
  }

  async #unlessParked(request: WaitForCloseRequest): Promise<CloseStatus> {
    const { namespace, workflowId } = request
    const target = request.followRuns === true ? { namespace, workflowId } : request
    const abort = new AbortController()
    const signal =
      request.signal === undefined ? abort.signal : AbortSignal.any([request.signal, abort.signal])
    let parked: SignalboxError | undefined
    const poll = setInterval(() => {
      const run = findRun(this.#engine.runs, target)
      parked = run?.isOpen === true ? this.#engine.failures.notReady(run) : undefined
      if (parked !== undefined) abort.abort()
    }, PARKED_POLL_MS)
    try {
      const status = await this.runtime.service.waitForClose({ ...request, signal })
      if (parked !== undefined && !status.closed) throw parked
      return status
    } finally {
      clearInterval(poll)
    }
  }
}
