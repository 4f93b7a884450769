import type { Command } from '../../actors/commands.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { createSandbox } from '../../actors/sandbox.ts'
import type { Sandbox, TurnError, WorkflowBundle, WorkflowLogEntry } from '../../actors/turns.ts'
import { assertBundleConverters, assertBundleVersion, bundleWorkflowCode } from '../bundle.ts'
import { type DataConverterOptions, resolveDataConverter } from '../data-converter-options.ts'
import { loadFailure } from '../load-failure.ts'
import { CodecChain } from '../payload-codec.ts'
import { mapStack } from '../source-map.ts'
import { decodeHistory } from './decode-history.ts'
import { inputOf, isAcceptance, updateOf } from './event-to-input.ts'
import {
  completedTasks,
  readEvents,
  type RecordedEvent,
  type RecordedTask,
} from './history-tasks.ts'
import { objectOf, textOf } from './history-values.ts'
import { isLocalActivityMarker, ReplayedLocalActivities } from './local-activity-markers.ts'
import { matchCommands, patchOf } from './match-commands.ts'
import { RecordedLinks } from './recorded-links.ts'
import { HistoryMismatchError, ReplayError } from './replay-errors.ts'

export interface ReplayOptions {
  /** Of the run. Default the one in the history, or 'fake' if it has none. */
  readonly workflowId?: string
  /** Default 'default'. */
  readonly namespace?: string
  /** As of the runtime whose history it is: codecs decode the payloads of the history. */
  readonly dataConverter?: DataConverterOptions
  /** As of the runtime. Of a bundle it must have been given to `bundleWorkflowCode`. */
  readonly workflowInterceptorModules?: readonly (string | URL)[]
}

/** What one set of histories has in common. */
export type ReplayHistoriesOptions = Omit<ReplayOptions, 'workflowId'>

/** A history and whose it is, as `replayHistories` takes it. */
export interface HistoryAndWorkflowId {
  readonly workflowId: string
  /** Default that of the options. */
  readonly namespace?: string
  readonly history: unknown
}

export interface ReplayResult {
  readonly workflowId: string
  readonly runId: string
  /** Missing if the code does what the history says. */
  readonly error?: ReplayError | HistoryMismatchError
}

/** The workflow file, or the bundle of it. */
export type ReplayCode = string | URL | WorkflowBundle

/**
 * Run today's workflow code over the history of a run, and compare what it asks for with what was asked
 * for then: whether a deployment of this code would let that run go on. Nothing is executed but workflow
 * code; log lines are dropped.
 *
 * @param history of `handle.fetchHistory()`, or of a Temporal cluster as JSON
 * @throws HistoryMismatchError, a DeterminismViolationError, with the place and the kind of the first
 * difference
 * @throws ReplayError if the history cannot be read, or the code throws an error that is no failure
 * @throws SIGNALBOX_ERR_BUNDLE_FAILED if the code does not build or load
 */
export async function replayHistory(
  code: ReplayCode,
  history: unknown,
  options: ReplayOptions = {},
): Promise<void> {
  const replayer = await Replayer.load(code, options)
  const { error } = await replayer.replay(history, options)
  if (error !== undefined) throw error
}

/**
 * As {@link replayHistory} over many: a result for each, in their order. A history that does not fit does
 * not end it.
 */
export async function* replayHistories(
  code: ReplayCode,
  histories: AsyncIterable<HistoryAndWorkflowId> | Iterable<HistoryAndWorkflowId>,
  options: ReplayHistoriesOptions = {},
): AsyncGenerator<ReplayResult, void, void> {
  const replayer = await Replayer.load(code, options)
  for await (const { workflowId, namespace, history } of histories) {
    const of = namespace === undefined ? { workflowId } : { workflowId, namespace }
    yield await replayer.replay(history, { ...options, ...of })
  }
}

/** A codec that takes longer for one payload has failed. */
const CODEC_TIMEOUT_MS = 30_000

async function loadBundle(
  code: ReplayCode,
  dataConverter: DataConverterOptions,
  { workflowInterceptorModules }: ReplayHistoriesOptions,
): Promise<WorkflowBundle> {
  if (typeof code === 'object' && !(code instanceof URL)) {
    assertBundleVersion(code)
    assertBundleConverters(code, dataConverter)
    return code
  }
  const { payloadConverterPath, failureConverterPath } = dataConverter
  return bundleWorkflowCode({
    workflowsPath: code,
    payloadConverterPath,
    failureConverterPath,
    workflowInterceptorModules,
  })
}

class Replayer {
  readonly #bundle: WorkflowBundle
  readonly #sandbox: Sandbox
  readonly #codec: CodecChain | undefined
  #nextRun = 1

  private constructor(bundle: WorkflowBundle, codec: CodecChain | undefined) {
    this.#bundle = bundle
    this.#codec = codec
    try {
      this.#sandbox = createSandbox({
        bundle,
        log: (_run: number, _entry: WorkflowLogEntry) => {},
        // Local activities that ran then are not run again: whichever the code asks for is there.
        settings: { activityTypes: ['default'] },
      })
    } catch (error) {
      throw loadFailure(error instanceof Error ? error : new Error(String(error)), bundle)
    }
  }

  static async load(code: ReplayCode, options: ReplayHistoriesOptions): Promise<Replayer> {
    const dataConverter = resolveDataConverter(options.dataConverter ?? {})
    const { payloadCodecs = [] } = dataConverter
    const codec =
      payloadCodecs.length === 0 ? undefined : new CodecChain(payloadCodecs, CODEC_TIMEOUT_MS)
    const bundle = await loadBundle(code, dataConverter, options)
    return macrotask(() => new Replayer(bundle, codec))
  }

  async replay(exported: unknown, options: ReplayOptions): Promise<ReplayResult> {
    const codec = this.#codec
    const history = codec === undefined ? exported : await decodeHistory(exported, codec)
    const started = objectOf(
      objectOf((objectOf(history)['events'] as unknown[] | undefined)?.[0])[
        'workflowExecutionStartedEventAttributes'
      ],
    )
    const workflowId = options.workflowId ?? (textOf(started['workflowId']) || 'fake')
    const runId = textOf(started['originalExecutionRunId'])
    const namespace = options.namespace ?? 'default'
    const run = this.#nextRun++
    try {
      // A turn's code must not run inside of a microtask, see `Sandbox.canEnter`.
      await macrotask(() => this.#replay(run, history, { workflowId, namespace }))
      // Promises that nobody handles are known by then.
      await macrotask(() => this.#checkFloating(run, workflowId))
      return { workflowId, runId }
    } catch (error) {
      if (!(error instanceof ReplayError) && !(error instanceof HistoryMismatchError)) throw error
      return { workflowId, runId, error }
    } finally {
      await macrotask(() => {
        this.#sandbox.takeFloatingRejections()
        this.#sandbox.dispose(run)
      })
    }
  }

  #replay(
    run: number,
    history: unknown,
    of: { readonly workflowId: string; readonly namespace: string },
  ): void {
    const { workflowId } = of
    const events = readEvents(history, workflowId)
    if (events[0]?.type !== 'WORKFLOW_EXECUTION_STARTED') {
      const message = 'A history must begin with WORKFLOW_EXECUTION_STARTED'
      throw new ReplayError(message, { workflowId, eventId: 1 })
    }
    const links = new RecordedLinks()
    const local = new ReplayedLocalActivities()
    let firstSeq = 1
    let tasks = 0
    for (const task of completedTasks(events)) {
      tasks++
      const inputs = task.inputs
        .map((event) => inputOf(event, task.timeMs, of, links))
        .filter((input) => input !== undefined)
        // In the task that accepted it: an update has no event of its own before.
        .concat(task.commands.filter(isAcceptance).map((event) => updateOf(event, task.timeMs)))
      const turn = (inputs: readonly Input[], timeMs: number): readonly Command[] => {
        if (inputs.length === 0) return []
        const commands = this.#turn(run, firstSeq, inputs, { ...task, timeMs }, workflowId)
        firstSeq += inputs.length
        local.note(commands)
        return commands
      }
      const commands = [...turn(inputs, task.timeMs)]
      for (const marker of task.commands.filter(isLocalActivityMarker)) {
        const outcome = local.take(marker, task.timeMs)
        if (outcome === 'unknown') throw surplusMarker(marker, task, workflowId)
        if (outcome !== undefined) commands.push(...turn([outcome], outcome[1]))
      }
      matchCommands(task, commands, links, workflowId)
    }
    if (tasks > 0) return
    throw new ReplayError('The history has no completed workflow task', { workflowId })
  }

  #turn(
    run: number,
    firstSeq: number,
    inputs: readonly Input[],
    task: RecordedTask,
    workflowId: string,
  ): readonly Command[] {
    const outcome = this.#sandbox.activate(run, {
      firstSeq,
      inputs,
      time: task.timeMs,
      replaying: true,
      historyLength: task.startedId,
      historySize: task.historySize,
      continueAsNewSuggested: task.continueAsNewSuggested,
      hasUpdates: inputs.some(([kind]) => kind === InputKind.updateRequested),
      patches: patchIdsOf(task),
    })
    if (outcome.error === undefined) return outcome.commands
    throw this.#codeError(outcome.error, workflowId, task.startedId)
  }

  #checkFloating(run: number, workflowId: string): void {
    for (const [of, error] of this.#sandbox.takeFloatingRejections()) {
      if (of === run) throw this.#codeError(error, workflowId, undefined)
    }
  }

  #codeError(error: TurnError, workflowId: string, eventId: number | undefined): ReplayError {
    const stack = error.stack === undefined ? undefined : mapStack(error.stack, this.#bundle)
    const cause = new Error(error.message)
    cause.name = error.name
    if (stack !== undefined) cause.stack = stack
    return new ReplayError(
      `Workflow ${workflowId} fails its turn: ${error.name}: ${error.message}`,
      { workflowId, eventId },
      { cause },
    )
  }
}

/** The outcome of a local activity that the code has not asked for. */
function surplusMarker(
  marker: RecordedEvent,
  task: RecordedTask,
  workflowId: string,
): HistoryMismatchError {
  return new HistoryMismatchError({
    workflowId,
    kind: 'missing',
    eventId: marker.id,
    taskCompletedEventId: task.completedId,
    expected: `${marker.type} (core_local_activity)`,
    actual: undefined,
  })
}

function macrotask<T>(task: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(task())
      } catch (error) {
        reject(error)
      }
    })
  })
}

/** The patches whose markers a task has: what its code is to know of them. */
function patchIdsOf({ commands }: RecordedTask): readonly string[] | undefined {
  const ids = commands.flatMap((event) => patchOf(event)?.id ?? [])
  return ids.length === 0 ? undefined : ids
}
