import type { WorkflowBundle } from '../actors/turns.ts'
import { createService } from './create-service.ts'
import type { IntakeService } from './workflow-service.ts'
import { loadActivityInterceptors } from './activity-interceptors.ts'
import { assertBundleConverters, assertBundleVersion, bundleWorkflowCode } from './bundle.ts'
import { CallOrder } from './call-order.ts'
import { Client } from './client.ts'
import type { BackupOptions, BackupResult } from './data-backup.ts'
import { withClientInterceptors } from './client-interceptors.ts'
import { Engine } from './engine.ts'
import type { EngineState } from './engine-parts.ts'
import type { DiagnosticsSource } from './diagnostics.ts'
import type { Journal } from './journal.ts'
import { openLmdbJournal } from './journal-lmdb.ts'
import {
  activityModules,
  type ResolvedOptions,
  resolveOptions,
  type RuntimeOptions,
} from './options.ts'
import { loadHostConverters } from './host-converters.ts'
import type { RuntimeStats } from './runtime-stats.ts'
import { flag, optionCheck } from './option-check.ts'
import { openTurnMarks, type TurnMarks } from './turn-marks.ts'

/** `recovering` lasts until everything unfinished has been taken up; calls are accepted then too. */
export type RuntimeState = EngineState

/** Open a runtime over a journal that is open already. If that fails the journal is closed. */
export let openOver: (
  journal: Journal,
  bundle: WorkflowBundle,
  options: ResolvedOptions,
  marks?: TurnMarks,
) => Promise<{ readonly runtime: Runtime; readonly engine: Engine }>

/**
 * signalbox in your process: the journal, the workflow threads, the activities and the client.
 *
 * ```ts
 * const runtime = await Runtime.open({ dataDir: './data', workflowsPath: './workflows.ts' })
 * const handle = await runtime.client.workflow.start('greeter', { workflowId: 'g-1', args: [] })
 * await handle.signal('greet', 'Ada')
 * await runtime.close()
 * ```
 */
export class Runtime {
  /** Start, signal, query and follow workflows, in the shapes of `@temporalio/client`. */
  readonly client: Client
  /** The same in plain data with payloads already converted, for front ends such as the HTTP API. */
  readonly service: IntakeService
  readonly #engine: Engine
  readonly #journal: Journal
  readonly #marks: TurnMarks | undefined
  #closed: Promise<void> | undefined

  private constructor(
    engine: Engine,
    journal: Journal,
    marks: TurnMarks | undefined,
    service: IntakeService,
    client: Client,
  ) {
    this.#engine = engine
    this.#journal = journal
    this.#marks = marks
    this.service = service
    this.client = client
  }

  /**
   * Open a data folder, bundle the workflow code, start the slots, and take up what was unfinished.
   *
   * @throws SIGNALBOX_ERR_INVALID_OPTION, SIGNALBOX_ERR_DATA_DIR_LOCKED (another process has the
   * folder), SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE, SIGNALBOX_ERR_BUNDLE_FAILED (with file and import),
   * SIGNALBOX_ERR_JOURNAL_CORRUPT
   */
  static async open(options: RuntimeOptions): Promise<Runtime> {
    const resolved = await loadOptions(options)
    const bundle = await bundleOf(resolved)
    const journal = await openLmdbJournal({ dataDir: resolved.dataDir })
    let marks: TurnMarks
    try {
      marks = openTurnMarks(resolved.dataDir, resolved.slots)
    } catch (error) {
      await journal.close()
      throw error
    }
    const { runtime } = await openOver(journal, bundle, resolved, marks)
    return runtime
  }

  get state(): RuntimeState {
    return this.#engine.state
  }

  /** Stands for this runtime in the messages of its diagnostics channels; see `DiagnosticsMessages`. */
  get source(): DiagnosticsSource {
    return this.#engine.telemetry.source
  }

  /**
   * Where it stands, and what it has done since it was opened: counts that are kept anyway, so that to
   * ask costs microseconds. In every state.
   */
  stats(): RuntimeStats {
    return this.#engine.stats()
  }

  /** The names of the functions that the workflow bundle exports. */
  get workflowTypes(): readonly string[] {
    return this.#engine.workflowTypes()
  }

  /**
   * Copy the data as they are now into a folder of its own, while work goes on. Everything that was
   * acknowledged before the call is in it, and of what comes later a part without gaps: each workflow
   * has a beginning of its inputs, in order. To restore, open the folder, or a copy of it, as `dataDir`;
   * never both it and the original for the same outside world, since each would run the activities.
   *
   * @param target the folder to be made; its parents are made too
   * @throws SIGNALBOX_ERR_INVALID_ARGUMENT if it is there and not empty, SIGNALBOX_ERR_RUNTIME_CLOSED;
   * and errors of the file system
   */
  async backup(target: string, options?: BackupOptions): Promise<BackupResult> {
    this.#engine.checkOpen()
    if (options !== undefined) checkBackupOptions(options)
    return this.#journal.backup(target, options)
  }

  /**
   * Stop accepting, finish the turns in hand, commit, release the folder. Idempotent; waits at most
   * `limits.closeTimeoutMs` for turns and activities, which are taken up again by the next open.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#engine.close()
    this.#marks?.remove()
    await this.#journal.close()
  }

  static {
    openOver = async (journal, bundle, resolved, marks) => {
      const engine = new Engine(resolved, journal, bundle, marks)
      const service = createService(engine)
      const { interceptors, converters, limits } = resolved
      const clientService =
        interceptors.client === undefined || interceptors.client.length === 0
          ? service
          : withClientInterceptors(service, interceptors.client, new CallOrder(limits), converters)
      const client = new Client(clientService, resolved)
      engine.useClient(client)
      try {
        await engine.start()
      } catch (error) {
        await engine.close()
        marks?.remove()
        await journal.close()
        throw error
      }
      return { runtime: new Runtime(engine, journal, marks, service, client), engine }
    }
  }
}

const checkBackupOptions = optionCheck('{ compact: true }', { compact: flag })

/**
 * The options, with the converters and the interceptors of this thread's activities that they name
 * loaded. @throws SIGNALBOX_ERR_INVALID_OPTION
 */
export async function loadOptions(options: RuntimeOptions): Promise<ResolvedOptions> {
  const resolved = resolveOptions(options)
  const { activitiesPath, dataConverter, interceptors } = resolved
  const files = activitiesPath === undefined ? activityModules(interceptors) : []
  const activity = [...(interceptors.activity ?? []), ...(await loadActivityInterceptors(files))]
  return {
    ...resolved,
    converters: await loadHostConverters(dataConverter),
    interceptors: { ...interceptors, activity },
  }
}

/** The code that the options name. @throws SIGNALBOX_ERR_BUNDLE_FAILED */
export async function bundleOf(options: ResolvedOptions): Promise<WorkflowBundle> {
  if (options.workflowBundle !== undefined) {
    assertBundleVersion(options.workflowBundle)
    assertBundleConverters(options.workflowBundle, options.dataConverter)
    return options.workflowBundle
  }
  const { payloadConverterPath, failureConverterPath } = options.dataConverter
  return bundleWorkflowCode({
    workflowsPath: options.workflowsPath as string,
    payloadConverterPath,
    failureConverterPath,
    sharedModules: options.sharedModules,
    workflowInterceptorModules: options.interceptors.workflowModules,
  })
}
