import { availableParallelism, totalmem } from 'node:os'
import type { Converters } from '../actors/converters.ts'
import type { SandboxSettings, WorkflowBundle } from '../actors/turns.ts'
import { type Clock, systemClock } from './clock.ts'
import { defaultUpsertLimits, type UpsertLimits } from '../actors/upsert-limits.ts'
import type { SignalboxError } from './errors.ts'
import { filePath } from './file-path.ts'
import { type DataConverterOptions, resolveDataConverter } from './data-converter-options.ts'
import type { ActivityInterceptorsFactory } from './activity/interceptors.ts'
import type { WorkflowClientInterceptor } from './workflow-client-interceptor.ts'
import { type Logger, stderrCodeLogger, stderrLogger } from './logger.ts'
import { unknownOption } from './nearest-name.ts'
import { type NamespaceOptions, RetentionPolicy, type RetentionTime } from './retention-options.ts'
import { checkRuntimeOptions, invalidOption } from './runtime-option-check.ts'
import { type InjectedSinks, replayedSinks } from './sink-caller.ts'

/** What `Runtime.open` takes. */
export interface RuntimeOptions {
  /** The folder of the journal, by a path or `file:` URL; made if it is missing. One process at a time may have it open. */
  readonly dataDir: string
  /**
   * The `.ts` or `.js` file whose exported functions are the workflows; it has one at least. Bundled at open.
   * By a path or by a `file:` URL, which may be text (`import.meta.resolve('./workflows.ts')`). Relative paths
   * are relative to the working directory of the process, here and in all options.
   */
  readonly workflowsPath?: string | URL
  /** Code bundled before by `bundleWorkflowCode()`, instead of `workflowsPath`. */
  readonly workflowBundle?: WorkflowBundle
  /**
   * Activity functions by name, which run on the thread that opened the runtime; or the `.ts` or `.js`
   * file whose exported functions they are, by a path or URL as `workflowsPath`, which run in threads of
   * their own.
   */
  // A set of functions of any signature has no narrower type.
  readonly activities?: object | string | URL
  /** Threads for activities that are given as a file. Default as many as slots. */
  readonly activityThreads?: number
  /** How values become payloads, and payloads what rests in the journal. Default: JSON and bytes, as they are. */
  readonly dataConverter?: DataConverterOptions
  /** Large packages of workflow code that are evaluated once for all runs; see `bundleWorkflowCode`. */
  readonly sharedModules?: readonly string[]
  /** Functions of the host that workflows call by `proxySinks`. */
  readonly sinks?: InjectedSinks
  /** What stands around calls of workflows, of activities and of `client`. */
  readonly interceptors?: InterceptorOptions
  /**
   * Names of error classes that fail a workflow instead of parking it, by workflow type; `*` for all
   * types. `Error` means every error.
   */
  readonly workflowFailureErrorTypes?: Readonly<Record<string, readonly string[]>>
  /**
   * How long closed workflows are kept: from their close, as milliseconds or text such as `'30 days'`.
   * Then they are deleted with all that they are, in the background. Default `'forever'`.
   */
  readonly retention?: RetentionTime
  /** Settings of single namespaces, by name. */
  readonly namespaces?: Readonly<Record<string, NamespaceOptions>>
  /** Worker threads. Default: one less than the machine's processors, at least 1. May change between opens. */
  readonly slots?: number
  /** The task queue that is recorded for workflows started without one. Default: 'default'. */
  readonly taskQueue?: string
  /**
   * Default: on stderr, warnings and errors, and what workflow and activity code logs from info on. A
   * pino logger fits, and so does `console`; `silentLogger` says nothing.
   */
  readonly logger?: Logger
  readonly limits?: Partial<Limits>
  /** Called once, when a storage error has stopped the runtime. */
  readonly onPoisoned?: (error: SignalboxError) => void
}

export interface InterceptorOptions {
  /** Files whose export `interceptors` makes a run's interceptors. Bundled with the workflows. */
  readonly workflowModules?: readonly (string | URL)[]
  /** Called once for each attempt of an activity that is given as a function. */
  readonly activity?: readonly ActivityInterceptorsFactory[]
  /**
   * Files whose export `interceptors` is such a factory. Loaded in each thread that runs activities, so
   * they also stand around those of a file; inside of `activity`.
   */
  readonly activityModules?: readonly (string | URL)[]
  /** Around the calls of `runtime.client`; those over HTTP have none. */
  readonly client?: readonly WorkflowClientInterceptor[]
}

/** Every bound of the engine. */
export interface Limits extends UpsertLimits {
  /** The size of one payload. Default 2 MiB. Beyond it: SIGNALBOX_ERR_PAYLOAD_TOO_LARGE. */
  readonly maxPayloadBytes: number
  /** Search attributes of one workflow. Default 100. */
  readonly maxSearchAttributes: number
  /** The size of one search attribute's value. Default 2 KiB. */
  readonly maxSearchAttributeBytes: number
  /** The size of all search attributes of one workflow. Default 40 KiB. */
  readonly maxSearchAttributesBytes: number
  /** The size of one workflow's memo. Default 2 MiB. */
  readonly maxMemoBytes: number
  /** Accepted inputs of one workflow that wait to be handled. Default 100,000. Beyond it: SIGNALBOX_ERR_MAILBOX_FULL. */
  readonly maxMailboxDepth: number
  /** Accepted inputs of all workflows that wait to be handled. Default 1,000,000. */
  readonly maxWaitingInputs: number
  /** Bytes accepted and not committed yet. Default 256 MiB. */
  readonly maxUncommittedBytes: number
  /** Requests held back while a workflow closes. Default 10,000 a workflow. */
  readonly maxHeldRequests: number
  /** Workflows whose actors are kept in memory, in all slots together. Default 120,000. */
  readonly maxCachedWorkflows: number
  /** Bytes sent to a slot and not handled yet. Default 8 MiB; the rest stays in the journal. */
  readonly slotWindowBytes: number
  /** Resident memory of the process above which a slot that is long in one turn is ended. Default: 80 % of the machine. */
  readonly maxRssBytes: number
  /** Queries of one workflow that wait for their answer. Default 10,000. Beyond it: SIGNALBOX_ERR_MAILBOX_FULL. */
  readonly maxWaitingQueries: number
  /** Children of one run that have not ended. Default 2,000. Beyond it its turn is parked: SIGNALBOX_ERR_PENDING_LIMIT. */
  readonly maxPendingChildren: number
  /** Signals that one run sends in a turn, with those that wait for a target to close. Default 2,000. */
  readonly maxPendingSignals: number
  /** Cancellations of other workflows that one run asks for in a turn, with those that wait. Default 2,000. */
  readonly maxPendingCancels: number
  /** Updates of one run that have no outcome yet. Default 1,000. Beyond it: SIGNALBOX_ERR_MAILBOX_FULL. */
  readonly maxUpdatesInFlight: number
  /** Updates of one run, whatever became of them. Default 10,000. Beyond it: SIGNALBOX_ERR_UPDATE_LIMIT. */
  readonly maxUpdatesPerRun: number
  /** Runs that one page of a list looks at. Default 100,000; then the page is short, and its token goes on. */
  readonly maxScannedRuns: number
  /** Bytes that a reset copies: the history before its point, and the inputs given again after it. Default 64 MiB. Beyond it: SIGNALBOX_ERR_RESET_TOO_LARGE. */
  readonly maxResetBytes: number
  /** V8 heap of one slot, in MiB. Default: half the machine's memory over all slots, at most 4,096. */
  readonly slotHeapMb: number
  /** A slot whose worker has not loaded the workflow code after this long is given up. Default 30,000. */
  readonly slotStartTimeoutMs: number
  /** A slot that is this long in one turn, or with one of the inputs of a turn that has several, is ended and its run gets a strike. Default 5,000. */
  readonly deadlockTimeoutMs: number
  /** Strikes after which a run is quarantined. Default 3. */
  readonly maxStrikes: number
  /** First and longest wait before a failed turn is tried again. Defaults 1,000 and 600,000. */
  readonly parkBackoffMs: number
  readonly parkBackoffMaxMs: number
  /** Activities that run at the same time. Default 1,000; the others wait their turn. */
  readonly maxConcurrentActivities: number
  /** Local activities that run at the same time. Default 1,000; the others wait their turn. */
  readonly maxConcurrentLocalActivities: number
  /** Activities of one workflow that have no outcome. Default 2,000. A turn that schedules more is parked. */
  readonly maxPendingActivities: number
  /** How often the heartbeat details of an activity without a heartbeat timeout are journaled. Default 30,000; of one with it, 0.8 of it. */
  readonly defaultHeartbeatThrottleMs: number
  /** The longest time between two heartbeats of an activity that are journaled. Default 60,000. */
  readonly maxHeartbeatThrottleMs: number
  /** A payload codec that takes longer than this for one call has failed. Default 30,000. */
  readonly codecTimeoutMs: number
  /** A thread of activities that answers no cancellation for this long is ended: what runs in it fails, and may be tried again. Default 10,000. */
  readonly activityThreadTimeoutMs: number
  /** How long `close()` waits for turns and activities in hand. Default 10,000. */
  readonly closeTimeoutMs: number
}

export interface ResolvedOptions {
  /** The time of all that workflows see and of all that is durable. No option of users. */
  readonly clock: Clock
  readonly dataDir: string
  readonly workflowsPath: string | undefined
  readonly workflowBundle: WorkflowBundle | undefined
  readonly activities: Readonly<Record<string, (...args: never[]) => unknown>>
  /** The file whose exported functions are the activities, in threads of their own. */
  readonly activitiesPath: string | undefined
  readonly activityThreads: number
  readonly sharedModules: readonly string[]
  readonly sinks: InjectedSinks
  readonly interceptors: InterceptorOptions
  readonly workflowFailureErrorTypes: Readonly<Record<string, readonly string[]>> | undefined
  readonly dataConverter: DataConverterOptions
  /** Loaded from the files of `dataConverter`; undefined where the default ones convert. */
  readonly converters?: Converters | undefined
  readonly retention: RetentionPolicy
  readonly slots: number
  readonly taskQueue: string
  readonly logger: Logger
  /** For what workflow and activity code says. */
  readonly codeLogger: Logger
  readonly limits: Limits
  readonly onPoisoned: ((error: SignalboxError) => void) | undefined
}

const MAX_SLOTS = 256

export function defaultLimits(slots: number): Limits {
  const megabytes = totalmem() / 2 ** 20
  return {
    maxPayloadBytes: 2 * 2 ** 20,
    ...defaultUpsertLimits,
    maxMailboxDepth: 100_000,
    maxWaitingInputs: 1_000_000,
    maxUncommittedBytes: 256 * 2 ** 20,
    maxHeldRequests: 10_000,
    maxWaitingQueries: 10_000,
    maxPendingChildren: 2_000,
    maxPendingSignals: 2_000,
    maxPendingCancels: 2_000,
    maxUpdatesInFlight: 1_000,
    maxUpdatesPerRun: 10_000,
    maxScannedRuns: 100_000,
    maxResetBytes: 64 * 1024 * 1024,
    maxCachedWorkflows: 120_000,
    slotWindowBytes: 8 * 2 ** 20,
    slotHeapMb: Math.max(64, Math.min(4_096, Math.floor(megabytes / 2 / slots))),
    maxRssBytes: Math.floor(totalmem() * 0.8),
    slotStartTimeoutMs: 30_000,
    deadlockTimeoutMs: 5_000,
    maxStrikes: 3,
    parkBackoffMs: 1_000,
    parkBackoffMaxMs: 600_000,
    maxConcurrentActivities: 1_000,
    maxConcurrentLocalActivities: 1_000,
    maxPendingActivities: 2_000,
    defaultHeartbeatThrottleMs: 30_000,
    maxHeartbeatThrottleMs: 60_000,
    codecTimeoutMs: 30_000,
    activityThreadTimeoutMs: 10_000,
    closeTimeoutMs: 10_000,
  }
}

/**
 * Check the options and fill in the defaults.
 *
 * @throws SIGNALBOX_ERR_INVALID_OPTION naming the option
 */
export function resolveOptions(options: RuntimeOptions): ResolvedOptions {
  checkRuntimeOptions(options)
  if (options.dataDir === undefined || options.dataDir === '') {
    throw invalidOption('dataDir', 'must be the path of a folder')
  }
  const { workflowsPath, workflowBundle } = options
  if ((workflowsPath === undefined) === (workflowBundle === undefined)) {
    throw invalidOption('workflowsPath', 'or workflowBundle must be given, and not both')
  }
  const slots = options.slots ?? Math.max(1, availableParallelism() - 1)
  if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS) {
    throw invalidOption('slots', `must be a whole number from 1 to ${MAX_SLOTS}`)
  }
  return {
    clock: systemClock,
    dataDir: options.dataDir.startsWith('file:') ? filePath(options.dataDir) : options.dataDir,
    workflowsPath: workflowsPath === undefined ? undefined : filePath(workflowsPath),
    workflowBundle,
    ...resolveActivities(options, slots),
    dataConverter: resolveDataConverter(options.dataConverter ?? {}),
    sharedModules: options.sharedModules ?? [],
    sinks: checkSinks(options.sinks ?? {}),
    interceptors: checkInterceptors(options.interceptors ?? {}),
    workflowFailureErrorTypes: options.workflowFailureErrorTypes,
    retention: RetentionPolicy.from(options.retention, options.namespaces),
    slots,
    taskQueue: options.taskQueue ?? 'default',
    logger: options.logger ?? stderrLogger,
    codeLogger: options.logger ?? stderrCodeLogger,
    limits: resolveLimits(defaultLimits(slots), options.limits ?? {}),
    onPoisoned: options.onPoisoned,
  }
}

function resolveLimits(defaults: Limits, given: Partial<Limits>): Limits {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults)) {
      throw invalidOption(`limits.${name}`, unknownOption(name, Object.keys(defaults), 'Limits'))
    }
    if (typeof value !== 'number' || !(value > 0)) {
      throw invalidOption(`limits.${name}`, 'must be a number above 0')
    }
  }
  return { ...defaults, ...given }
}

/** What the contexts of workflows must know of the options. */
export function sandboxSettings(options: ResolvedOptions): SandboxSettings {
  const { sinks, workflowFailureErrorTypes, limits } = options
  const { maxSearchAttributes, maxSearchAttributeBytes, maxSearchAttributesBytes } = limits
  return {
    replayedSinks: replayedSinks(sinks),
    upsertLimits: {
      maxSearchAttributes,
      maxSearchAttributeBytes,
      maxSearchAttributesBytes,
      maxMemoBytes: limits.maxMemoBytes,
    },
    ...(workflowFailureErrorTypes === undefined
      ? {}
      : { failureErrorTypes: workflowFailureErrorTypes }),
  }
}

function checkSinks(sinks: InjectedSinks): InjectedSinks {
  for (const [sinkName, functions] of Object.entries(sinks)) {
    for (const [functionName, sink] of Object.entries(functions)) {
      if (typeof sink?.fn !== 'function') {
        throw invalidOption(
          `sinks.${sinkName}.${functionName}`,
          'must be an object with a function fn',
        )
      }
    }
  }
  return sinks
}

const INTERCEPTORS = ['workflowModules', 'activity', 'activityModules', 'client']

function checkInterceptors(interceptors: InterceptorOptions): InterceptorOptions {
  for (const [name, given] of Object.entries(interceptors)) {
    if (!INTERCEPTORS.includes(name) || !Array.isArray(given)) {
      throw invalidOption(`interceptors.${name}`, `must be a list, of ${INTERCEPTORS.join(', ')}`)
    }
  }
  return interceptors
}

/** The paths of the files of activity interceptors. */
export function activityModules({ activityModules: files = [] }: InterceptorOptions): string[] {
  return files.map((file) => filePath(file))
}

function resolveActivities(
  { activities = {}, activityThreads: threads, interceptors }: RuntimeOptions,
  slots: number,
): Pick<ResolvedOptions, 'activities' | 'activitiesPath' | 'activityThreads'> {
  const isFile = typeof activities === 'string' || activities instanceof URL
  if (!isFile) {
    if (threads !== undefined) {
      throw invalidOption(
        'activityThreads',
        'goes with activities that are given as the path of a file',
      )
    }
    return {
      activities: checkActivities(activities),
      activitiesPath: undefined,
      activityThreads: 0,
    }
  }
  if (interceptors?.activity !== undefined && interceptors.activity.length > 0) {
    throw invalidOption(
      'interceptors.activity',
      'cannot stand around activities in threads of their own: give files as activityModules',
    )
  }
  const activityThreads = threads ?? slots
  if (!Number.isInteger(activityThreads) || activityThreads < 1 || activityThreads > MAX_SLOTS) {
    throw invalidOption('activityThreads', `must be a whole number from 1 to ${MAX_SLOTS}`)
  }
  return { activities: {}, activitiesPath: filePath(activities), activityThreads }
}

function checkActivities(activities: object): ResolvedOptions['activities'] {
  const checked: Record<string, (...args: never[]) => unknown> = Object.create(null)
  for (const [name, fn] of Object.entries(activities)) {
    if (typeof fn === 'function') checked[name] = fn as (...args: never[]) => unknown
  }
  return checked
}
