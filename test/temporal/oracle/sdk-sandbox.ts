import vm from 'node:vm'
import { coresdk } from '@temporalio/proto'
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js'
import { bundleForSdk } from './replayer.ts'
import type { Attributes } from './turn.ts'

type Creator = ReusableVMWorkflowCreator
type SdkWorkflow = Awaited<ReturnType<Creator['createWorkflow']>>

/** The queue that `CommandReader` takes for one that the code did not name. */
export const TASK_QUEUE = 'fake_replay_queue'

/** What a completed activation says: commands, or why the workflow task failed. */
export interface SdkCompletion {
  readonly commands: readonly Attributes[]
  readonly failure?: Attributes
}

/** The sandbox of the SDK's worker, entered as the worker enters it, without a core and a server. */
export class SdkSandbox {
  readonly #creator: Creator

  private constructor(creator: Creator) {
    this.#creator = creator
  }

  static async load(workflowsPath: string): Promise<SdkSandbox> {
    const { code } = await bundleForSdk(workflowsPath)
    const filename = 'workflow-bundle.js'
    const bundle = { code, filename, sourceMap: { version: 3, sources: [], mappings: '' } }
    return new SdkSandbox(
      new ReusableVMWorkflowCreator(
        new vm.Script(code, { filename }),
        bundle as never,
        60_000,
        new Set(['work']),
      ),
    )
  }

  async start(runId: string, workflowType: string, time: number): Promise<SdkRun> {
    const workflow = await this.#creator.createWorkflow({
      info: {
        workflowId: 'workflow',
        runId,
        workflowType,
        taskQueue: TASK_QUEUE,
        namespace: 'default',
        firstExecutionRunId: runId,
        attempt: 1,
        startTime: new Date(time),
        runStartTime: new Date(time),
        taskTimeoutMs: 10_000,
        searchAttributes: {},
        historyLength: 3,
        historySize: 0,
        continueAsNewSuggested: false,
        unsafe: { isReplaying: false, now: () => time },
      } as never,
      randomnessSeed: [1, 2, 3, 4, 5, 6, 7, 8],
      now: time,
      showStackTraceSources: false,
    })
    return new SdkRun(workflow, runId)
  }

  close(): Promise<void> {
    return this.#creator.destroy()
  }
}

export class SdkRun {
  readonly #workflow: SdkWorkflow
  readonly #runId: string

  constructor(workflow: SdkWorkflow, runId: string) {
    this.#workflow = workflow
    this.#runId = runId
  }

  async activate(
    jobs: readonly Attributes[],
    time: number,
    historyLength: number,
  ): Promise<SdkCompletion> {
    const { successful, failed } = (await this.#workflow.activate(
      coresdk.workflow_activation.WorkflowActivation.fromObject({
        runId: this.#runId,
        timestamp: { seconds: Math.floor(time / 1000), nanos: (time % 1000) * 1e6 },
        historyLength,
        // Those of a run that began with this version of the SDK.
        availableInternalFlags: [1, 2],
        jobs,
      }),
    )) as { successful?: { commands?: Attributes[] }; failed?: { failure?: Attributes } }
    if (failed) return { commands: [], failure: failed.failure ?? {} }
    return { commands: successful?.commands ?? [] }
  }

  /** The payload with which the query is answered. */
  async query(queryType: string, time: number): Promise<unknown> {
    const { commands } = await this.activate(
      [{ queryWorkflow: { queryId: '1', queryType, arguments: [] } }],
      time,
      3,
    )
    const { succeeded } = (commands[0]?.['respondToQuery'] ?? {}) as { succeeded?: Attributes }
    if (succeeded === undefined) throw new Error(`No answer: ${JSON.stringify(commands)}`)
    return succeeded['response']
  }

  dispose(): Promise<void> {
    return this.#workflow.dispose()
  }
}
