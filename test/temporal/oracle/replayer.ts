import { fileURLToPath } from 'node:url'
import {
  bundleWorkflowCode,
  type InjectedSinks,
  type ReplayWorkerOptions,
  Runtime,
  Worker,
} from '@temporalio/worker'
import type { WorkflowInfo } from '@temporalio/workflow'
import type { HistoryJson } from './history-turns.ts'
import type { ActivationReport, ProbeSinks } from './probe.ts'
import { type ReplayTurns, replayTurns, type SdkActivation } from './replay-turns.ts'

/** A native core that panics never settles its promise: a history takes milliseconds, not this. */
const PATIENCE_MS = 30_000

const channelsPath = fileURLToPath(
  new URL('../../../dist/actors/workflow/channels.js', import.meta.url),
)
const watchedSdk = fileURLToPath(new URL('./watched-sdk.cjs', import.meta.url))
const workflowFiles = fileURLToPath(new URL('../workflows/', import.meta.url))
const sdkModules = fileURLToPath(new URL('../node_modules', import.meta.url))
const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} }
let isInstalled = false

/** A run of signalbox for the SDK to replay. */
export interface Recorded {
  readonly workflowId: string
  readonly history: HistoryJson
}

/** What became of it. */
export interface Replayed extends ReplayTurns {
  readonly workflowId: string
  readonly runId: string
  readonly workflowType: string
  /** Exports of `@temporalio/workflow` that its code used, wherever it took them from the module. */
  readonly uses: ReadonlySet<string>
  /** Why the SDK's core refused the history. */
  readonly error: Error | undefined
}

/**
 * Temporal's own replayer for one workflow file, with the probe among its interceptors. Loading it
 * takes about two seconds, a history some milliseconds.
 */
export class Replayer {
  readonly #bundle: { readonly code: string }

  private constructor(bundle: { readonly code: string }) {
    this.#bundle = bundle
  }

  static async load(
    workflowsPath: string,
    interceptorModules: readonly string[] = [],
  ): Promise<Replayer> {
    return new Replayer(await bundleForSdk(workflowsPath, [probePath, ...interceptorModules]))
  }

  async replay(
    histories: readonly Recorded[],
    options: Partial<ReplayWorkerOptions> = {},
  ): Promise<readonly Replayed[]> {
    install()
    const reports = new Map<string, Reports>()
    const replays = Worker.runReplayHistories(
      {
        workflowBundle: this.#bundle,
        sinks: reportInto(reports),
        ...options,
      },
      histories,
    )
    const replayed: Replayed[] = []
    for (const { workflowId } of histories) {
      const next = await withinPatience(replays.next(), workflowId)
      if (next.done === true) throw new Error(`The replayer gave no result for ${workflowId}`)
      const { runId, error } = next.value
      const { activations, workflowType, uses } = reports.get(runId) ?? noReports()
      const turns = replayTurns(activations)
      const { workflowId: id } = next.value
      replayed.push({ workflowId: id, runId, workflowType, uses, error, ...turns })
    }
    await replays.return?.()
    return replayed
  }
}

const probePath = fileURLToPath(new URL('./probe.ts', import.meta.url))

/** Workflow code as the SDK runs it. */
export function bundleForSdk(
  workflowsPath: string,
  interceptorModules: readonly string[] = [],
): Promise<Awaited<ReturnType<typeof bundleWorkflowCode>>> {
  return bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [...interceptorModules],
    logger: quiet,
    // As in a project that has both packages installed: files outside of this folder find the SDK too.
    webpackConfigHook: (config) => ({
      ...config,
      resolve: {
        ...config.resolve,
        alias: { ...(config.resolve?.alias as object), 'signalbox/channels$': channelsPath },
        modules: [sdkModules, 'node_modules'],
      },
      module: {
        ...config.module,
        rules: [
          ...(config.module?.rules ?? []),
          { include: workflowFiles, resolve: { alias: { '@temporalio/workflow$': watchedSdk } } },
        ],
      },
    }),
  })
}

function install(): void {
  if (isInstalled) return
  isInstalled = true
  Runtime.install({
    logger: quiet,
    telemetryOptions: { logging: { filter: 'off', forward: {} } },
  })
}

/** What the probe has said of one run. */
interface Reports {
  readonly workflowType: string
  readonly activations: SdkActivation[]
  readonly uses: Set<string>
}

function noReports(workflowType = ''): Reports {
  return { workflowType, activations: [], uses: new Set() }
}

function reportInto(reports: Map<string, Reports>): InjectedSinks<ProbeSinks> {
  const of = ({ runId, workflowType }: WorkflowInfo): Reports => {
    let report = reports.get(runId)
    if (report === undefined) reports.set(runId, (report = noReports(workflowType)))
    return report
  }
  return {
    probe: {
      activated: {
        fn: (info, report) => {
          const activation = { ...(JSON.parse(report) as ActivationReport), commands: [] }
          of(info).activations.push(activation)
        },
        callDuringReplay: true,
      },
      concluded: {
        fn: (info, report) => {
          const commands = JSON.parse(report) as SdkActivation['commands']
          const { activations } = of(info)
          const last = activations.pop()
          if (last === undefined) throw new Error('An activation concluded that did not begin')
          activations.push({ ...last, commands })
        },
        callDuringReplay: true,
      },
      used: {
        fn: (info, names) => {
          for (const name of names) of(info).uses.add(name)
        },
        callDuringReplay: true,
      },
    },
  }
}

async function withinPatience<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The replay of ${what} does not end: its history is malformed`)),
      PATIENCE_MS,
    )
  })
  try {
    return await Promise.race([promise, impatience])
  } finally {
    clearTimeout(timer)
  }
}
