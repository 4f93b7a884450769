import { type Command, Option } from 'commander'
import { type ApiClient, workflowPath } from './api-client.ts'
import { changeMany, checkQuery } from './change-commands.ts'
import { CliError } from './cli-error.ts'
import { collect, wholeNumber } from './flag-values.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  withConnection,
} from './workflow-command.ts'

const types = ['FirstWorkflowTask', 'LastWorkflowTask', 'LastContinuedAsNew'] as const
const excludeTypes = ['All', 'Signal', 'Update'] as const

interface ResetFlags extends CommonFlags {
  readonly workflowId?: string
  readonly runId?: string | undefined
  readonly query?: string
  readonly yes?: boolean
  readonly eventId?: number
  readonly type?: (typeof types)[number]
  readonly reason: string
  readonly reapplyExclude?: readonly string[]
  readonly requestId?: string
}

interface HistoryPage {
  readonly history: {
    readonly events: readonly {
      readonly eventId: string
      readonly eventType: string
      readonly workflowExecutionStartedEventAttributes?: {
        readonly continuedExecutionRunId?: string
      }
    }[]
  }
  readonly nextPageToken?: string
}

/** `reset`. */
export function addResetCommand(workflow: Command): void {
  const reset = workflow
    .command('reset')
    .description('Let a workflow begin anew at one of its workflow tasks')
    .option('-w, --workflow-id <id>', 'the workflow')
    .option('-r, --run-id <id>', 'the run whose history is taken over; default: the current one')
    .option('-q, --query <filter>', 'instead: all workflows that match, open and closed')
    .option('-y, --yes', 'do not ask before resetting many workflows')
    .option(
      '-e, --event-id <number>',
      'the task: its WORKFLOW_TASK_COMPLETED, as show has it',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .addOption(new Option('-t, --type <type>', 'instead: which task').choices(types))
    .requiredOption('--reason <text>', 'recorded in the histories of both runs')
    .option(
      '--reapply-exclude <type>',
      `what came later and is left out: ${excludeTypes.join(', ')}; may be given again`,
      collect,
    )
    .option('--request-id <id>', 'makes it safe to repeat the command')
  examples(
    withConnection(reset),
    'signalbox workflow reset --workflow-id customer-42 --event-id 10 --reason "mended the rule"',
    'signalbox workflow reset --workflow-id customer-42 --type LastWorkflowTask --reason mended',
    `signalbox workflow reset --query "WorkflowType = 'loyalty'" --type FirstWorkflowTask --reason mended --yes`,
  ).action((flags: ResetFlags) => resetAll(flags))
}

async function resetAll(flags: ResetFlags): Promise<void> {
  const { workflowId, query, eventId, type } = flags
  if ((workflowId === undefined) === (query === undefined)) {
    throw new CliError('give either --workflow-id or --query')
  }
  checkQuery(flags)
  if ((eventId === undefined) === (type === undefined)) {
    throw new CliError('give either --event-id or --type')
  }
  const exclude = excludedTypes(flags.reapplyExclude)
  const client = clientOf(flags)
  const printer = printerOf(flags)
  if (query !== undefined) {
    if (eventId !== undefined) throw new CliError('--event-id is of one workflow: use --type')
    await changeMany(client, printer, flags, 'Reset', query, (_client, id, runId) =>
      resetOne(client, { ...flags, runId }, id, exclude),
    )
    return
  }
  const id = workflowId ?? ''
  const { text, value } = await resetOne(client, flags, id, exclude)
  printer.record('Reset:', { WorkflowId: id, RunId: value.runId }, text)
}

async function resetOne(
  client: ApiClient,
  flags: ResetFlags,
  workflowId: string,
  exclude: readonly string[],
) {
  const { eventId, type, reason, requestId } = flags
  const task =
    type === undefined
      ? { runId: flags.runId, eventId: String(eventId) }
      : await findTask(client, workflowId, flags.runId, type)
  return client.post<{ readonly runId: string }>(workflowPath(workflowId, '/reset'), {
    workflowExecution: { runId: task.runId },
    workflowTaskFinishEventId: task.eventId,
    resetReapplyExcludeTypes: exclude,
    reason,
    requestId,
    identity: 'signalbox-cli',
  })
}

/** The task that a type means, and of which run. */
async function findTask(
  client: ApiClient,
  workflowId: string,
  runId: string | undefined,
  type: (typeof types)[number],
): Promise<{ readonly runId: string | undefined; readonly eventId: string }> {
  if (type !== 'LastContinuedAsNew') {
    const way = type === 'FirstWorkflowTask' ? '/history' : '/history-reverse'
    const eventId = await findCompleted(client, workflowPath(workflowId, way), runId)
    if (eventId !== undefined) return { runId, eventId }
    throw new CliError(
      `workflow ${workflowId} has not completed a workflow task: there is nothing to go back to`,
    )
  }
  const query = { 'execution.runId': runId, maximumPageSize: 1 }
  const { value } = await client.get<HistoryPage>(workflowPath(workflowId, '/history'), query)
  const [started] = value.history.events
  const before = started?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId
  if (before === undefined) {
    throw new CliError(
      `workflow ${workflowId} has not continued as new: use --type FirstWorkflowTask`,
    )
  }
  return findTask(client, workflowId, before, 'LastWorkflowTask')
}

async function findCompleted(
  client: ApiClient,
  path: string,
  runId: string | undefined,
): Promise<string | undefined> {
  let nextPageToken: string | undefined
  do {
    const query = { 'execution.runId': runId, maximumPageSize: 100, nextPageToken }
    const { value } = await client.get<HistoryPage>(path, query)
    const found = value.history.events.find(
      ({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
    )
    if (found !== undefined) return found.eventId
    nextPageToken = value.nextPageToken
  } while (nextPageToken !== undefined)
  return undefined
}

function excludedTypes(given: readonly string[] = []): readonly string[] {
  const found = new Set<string>()
  for (const name of given.flatMap((text) => text.split(','))) {
    const type = excludeTypes.find((known) => known.toLowerCase() === name.trim().toLowerCase())
    if (type === undefined) {
      throw new CliError(`--reapply-exclude ${name}: give one of ${excludeTypes.join(', ')}`)
    }
    for (const one of type === 'All' ? ['Signal', 'Update'] : [type]) found.add(one.toUpperCase())
  }
  return [...found]
}
