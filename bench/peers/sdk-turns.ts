import vm from 'node:vm'
import { fileURLToPath } from 'node:url'
import proto from '@temporalio/proto'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js'

const workflowsPath = fileURLToPath(new URL('./counter-workflow.ts', import.meta.url))
const runId = '01890000-0000-7000-8000-000000000001'
const startedAt = 1_700_000_000_000
const isolateTimeoutMs = 10_000
const eventsEachTurn = 4

/**
 * Turns of the counter in the sandbox of Temporal's own worker, entered as the worker enters it: an
 * activation with one signal each, without its core and without a server. @returns turns a second
 */
export async function measureSdkTurns(seconds: number, warmUpSeconds: number): Promise<number> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    logger: new DefaultLogger('ERROR'),
  })
  const filename = 'workflow-bundle.js'
  const creator = new ReusableVMWorkflowCreator(
    new vm.Script(code, { filename }),
    { code, filename, sourceMap: { version: 3, sources: [], mappings: '' } } as never,
    isolateTimeoutMs,
    new Set(),
  )
  const workflow = await creator.createWorkflow({
    info: {
      workflowId: 'counter',
      runId,
      workflowType: 'counter',
      taskQueue: 'bench',
      namespace: 'default',
      firstExecutionRunId: runId,
      attempt: 1,
      startTime: new Date(startedAt),
      runStartTime: new Date(startedAt),
      taskTimeoutMs: 10_000,
      searchAttributes: {},
      historyLength: 3,
      historySize: 0,
      continueAsNewSuggested: false,
      unsafe: { isReplaying: false, now: () => startedAt },
    } as never,
    randomnessSeed: [1, 2, 3, 4, 5, 6, 7, 8],
    now: startedAt,
    showStackTraceSources: false,
  })
  let turns = 0
  const activate = async (jobs: readonly object[]): Promise<readonly Command[]> => {
    turns += 1
    const { successful, failed } = (await workflow.activate(
      proto.coresdk.workflow_activation.WorkflowActivation.fromObject({
        runId,
        timestamp: { seconds: startedAt / 1000 },
        historyLength: turns * eventsEachTurn,
        availableInternalFlags: [1, 2],
        jobs,
      }),
    )) as { successful?: { commands?: Command[] }; failed?: object }
    if (failed) throw new Error(`The turn failed: ${JSON.stringify(failed)}`)
    return successful?.commands ?? []
  }
  const payload = {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from('1'),
  }
  const signal = [{ signalWorkflow: { signalName: 'add', input: [payload] } }]
  await activate([
    { initializeWorkflow: { workflowType: 'counter', workflowId: 'counter', arguments: [] } },
  ])
  const load = async (seconds: number): Promise<number> => {
    const began = performance.now()
    const before = turns
    while (performance.now() - began < seconds * 1000) await activate(signal)
    return (turns - before) / ((performance.now() - began) / 1000)
  }
  await load(warmUpSeconds)
  const rate = await load(seconds)
  const sent = turns - 1
  const [answer] = await activate([
    { queryWorkflow: { queryId: '1', queryType: 'total', arguments: [] } },
  ])
  const data = answer?.respondToQuery?.succeeded?.response?.data
  if (data === undefined || Buffer.from(data).toString() !== String(sent)) {
    throw new Error(`The workflow did not count ${sent} signals: ${JSON.stringify(answer)}`)
  }
  await workflow.dispose()
  await creator.destroy()
  return rate
}

interface Command {
  readonly respondToQuery?: {
    readonly succeeded?: { readonly response?: { readonly data?: Uint8Array } }
  }
}
