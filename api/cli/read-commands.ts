import { Command, Option } from 'commander'
import { type ApiClient, workflowPath } from './api-client.ts'
import { CliError } from './cli-error.ts'
import { collect, inputValues, wholeNumber } from './flag-values.ts'
import type { Printer } from './printer.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  type TargetFlags,
  withConnection,
  withTarget,
} from './workflow-command.ts'
import { parkedText, printResult } from './workflow-result.ts'

interface ExecutionInfo {
  readonly execution: { readonly workflowId: string; readonly runId: string }
  readonly type: { readonly name: string }
  readonly status: string
  readonly startTime?: string
  readonly closeTime?: string
  readonly historyLength?: string
}

interface Description {
  readonly workflowExecutionInfo: ExecutionInfo
  readonly pendingActivities?: readonly {
    readonly activityId: string
    readonly activityType: { readonly name: string }
    readonly state: string
    readonly attempt?: number
    readonly lastFailure?: { readonly message?: string }
  }[]
  readonly workflowExtendedInfo?: {
    readonly resetRunId?: string
    readonly pauseInfo?: {
      readonly identity?: string
      readonly pausedTime: string
      readonly reason?: string
    }
  }
  readonly signalbox: {
    readonly mailboxDepth: number
    readonly parked?: {
      readonly reason: string
      readonly stack?: string
      readonly attempts: number
      readonly nextAttemptTime: string
    }
    readonly quarantined?: { readonly reason: string }
    readonly reset?: {
      readonly baseRunId: string
      readonly eventId: string
      readonly reason?: string
    }
  }
}

interface QueryAnswer {
  readonly queryResult?: unknown
  readonly queryRejected?: { readonly status: string }
}

interface HistoryEvent {
  readonly eventId: string
  readonly eventTime: string
  readonly eventType: string
}

const statusOf = (status: string) => status.replace('WORKFLOW_EXECUTION_STATUS_', '')

/** `query`, `describe`, `show`, `stack`, `metadata`, `result`, `list` and `count`. */
export function addReadCommands(workflow: Command): void {
  addQueryCommand(workflow)
  examples(
    withConnection(
      withTarget(workflow.command('describe').description('What a workflow is and does')),
    ),
    'signalbox workflow describe --workflow-id customer-42',
  ).action(async (flags: CommonFlags & TargetFlags) => {
    const query = { 'execution.runId': flags.runId }
    const path = workflowPath(flags.workflowId)
    const { text, value } = await clientOf(flags).get<Description>(path, query)
    printDescription(printerOf(flags), value, text)
  })

  examples(
    withConnection(
      withTarget(workflow.command('show').description('The history of a run')).option(
        '-f, --follow',
        'go on until the run has closed',
      ),
    ),
    'signalbox workflow show --workflow-id customer-42 --follow',
    'signalbox workflow show --workflow-id customer-42 --output json > history.json',
  ).action(async (flags: CommonFlags & TargetFlags & { readonly follow?: boolean }) => {
    await showHistory(clientOf(flags), printerOf(flags), flags)
  })

  addBuiltInQuery(
    workflow,
    'stack',
    '__stack_trace',
    'Where the code of a workflow waits, or the error that parked it',
    printParked,
  )
  addBuiltInQuery(
    workflow,
    'metadata',
    '__temporal_workflow_metadata',
    'Which signals, queries and updates a workflow takes',
  )

  examples(
    withConnection(
      withTarget(workflow.command('result').description('Wait for the result of a workflow')),
    ),
    'signalbox workflow result --workflow-id customer-42',
  ).action((flags: CommonFlags & TargetFlags) =>
    printResult(clientOf(flags), printerOf(flags), flags.workflowId, flags.runId),
  )
  addListCommands(workflow)
}

function addQueryCommand(workflow: Command): void {
  const query = withTarget(workflow.command('query').description('Query a workflow'))
    .requiredOption('--name <name>', 'the query')
    .option('-i, --input <json>', 'an argument; may be given again', collect)
    .option('--input-file <file>', 'an argument from a JSON file; may be given again', collect)
    .addOption(
      new Option('--reject-condition <condition>', 'do not ask a workflow in this state').choices([
        'not_open',
        'not_completed_cleanly',
      ]),
    )
  examples(
    withConnection(query),
    'signalbox workflow query --workflow-id customer-42 --name points',
  ).action(
    async (
      flags: CommonFlags &
        TargetFlags & {
          readonly name: string
          readonly input?: readonly string[]
          readonly inputFile?: readonly string[]
          readonly rejectCondition?: string
        },
    ) => {
      const path = workflowPath(flags.workflowId, `/query/${encodeURIComponent(flags.name)}`)
      const { text, value } = await clientOf(flags).post<QueryAnswer>(path, {
        execution: { runId: flags.runId },
        query: { queryArgs: inputValues(flags.input, flags.inputFile) },
        queryRejectCondition: flags.rejectCondition?.toUpperCase(),
      })
      const { queryResult, queryRejected } = value
      const result: unknown = Array.isArray(queryResult) ? queryResult[0] : queryResult
      const fields =
        queryRejected === undefined
          ? { QueryResult: JSON.stringify(result) }
          : { QueryRejected: statusOf(queryRejected.status) }
      printerOf(flags).record('Query:', fields, text)
    },
  )
}

/**
 * A verb for a query that every workflow answers.
 *
 * @param instead prints what is to be told in place of the answer; false for the answer
 */
function addBuiltInQuery(
  workflow: Command,
  verb: string,
  query: string,
  what: string,
  instead?: (client: ApiClient, printer: Printer, target: TargetFlags) => Promise<boolean>,
): void {
  examples(
    withConnection(withTarget(workflow.command(verb).description(what))),
    `signalbox workflow ${verb} --workflow-id customer-42`,
  ).action(async (flags: CommonFlags & TargetFlags) => {
    const client = clientOf(flags)
    const printer = printerOf(flags)
    if ((await instead?.(client, printer, flags)) === true) return
    const path = workflowPath(flags.workflowId, `/query/${query}`)
    const body = { execution: { runId: flags.runId } }
    const { text, value } = await client.post<QueryAnswer>(path, body)
    if (printer.format !== 'text') return printer.json(text)
    const { queryResult, queryRejected } = value
    if (queryRejected !== undefined) throw rejected(flags.workflowId, queryRejected.status)
    const result: unknown = Array.isArray(queryResult) ? queryResult[0] : queryResult
    printer.note(typeof result === 'string' ? result : JSON.stringify(result, undefined, 2))
  })
}

/** A parked run answers no queries, and where its error came from is what is asked for. */
async function printParked(
  client: ApiClient,
  printer: Printer,
  { workflowId, runId }: TargetFlags,
): Promise<boolean> {
  if (printer.format !== 'text') return false
  const query = { 'execution.runId': runId }
  const { value } = await client.get<Description>(workflowPath(workflowId), query)
  const { parked } = value.signalbox
  if (parked === undefined) return false
  printer.note(`Parked by:\n${parkedText(parked)}`)
  return true
}

function rejected(workflowId: string, status: string): CliError {
  return new CliError(`workflow ${workflowId} is ${statusOf(status)}: it answers no queries`)
}

function addListCommands(workflow: Command): void {
  const filter = '-q, --query <filter>'
  const list = workflow
    .command('list')
    .description('List workflows, newest first')
    .option(filter, 'which workflows, as in SQL')
    .option('--limit <number>', 'how many at most', wholeNumber(1, 1e9))
    .option('--page-size <number>', 'how many a request', wholeNumber(1, 1000))
  examples(
    withConnection(list),
    `signalbox workflow list --query "WorkflowType = 'loyalty' AND ExecutionStatus = 'Running'"`,
  ).action(
    async (
      flags: CommonFlags & {
        readonly query?: string
        readonly limit?: number
        readonly pageSize?: number
      },
    ) => {
      const found: ExecutionInfo[] = []
      const { limit = Infinity, pageSize } = flags
      for await (const info of listAll(clientOf(flags), flags.query, pageSize)) {
        found.push(info)
        if (found.length >= limit) break
      }
      printerOf(flags).rows(found, {
        Status: (info: ExecutionInfo) => statusOf(info.status),
        WorkflowId: (info: ExecutionInfo) => info.execution.workflowId,
        Type: (info: ExecutionInfo) => info.type.name,
        StartTime: (info: ExecutionInfo) => info.startTime,
      })
    },
  )

  const count = workflow
    .command('count')
    .description('Count workflows')
    .option(filter, 'which workflows, as in SQL, and GROUP BY ExecutionStatus')
  examples(
    withConnection(count),
    'signalbox workflow count --query "GROUP BY ExecutionStatus"',
  ).action(async (flags: CommonFlags & { readonly query?: string }) => {
    const { text, value } = await clientOf(flags).get<{
      readonly count?: string
      readonly groups?: readonly {
        readonly groupValues: readonly unknown[]
        readonly count?: string
      }[]
    }>('/workflow-count', { query: flags.query })
    const groups = (value.groups ?? []).map(({ groupValues, count: members }) => [
      String(groupValues[0]),
      members ?? '0',
    ])
    const fields = { Total: value.count ?? '0', ...Object.fromEntries(groups) }
    printerOf(flags).record('Count:', fields, text)
  })
}

/** The workflows that match, page by page. */
export async function* listAll(
  client: ApiClient,
  query: string | undefined,
  pageSize?: number,
): AsyncGenerator<ExecutionInfo, void, void> {
  let nextPageToken: string | undefined
  do {
    const { value } = await client.get<{
      readonly executions?: readonly ExecutionInfo[]
      readonly nextPageToken?: string
    }>('/workflows', { query, pageSize, nextPageToken })
    yield* value.executions ?? []
    nextPageToken = value.nextPageToken
  } while (nextPageToken !== undefined)
}

function printDescription(printer: Printer, description: Description, text: string): void {
  const { workflowExecutionInfo: info, signalbox } = description
  const paused = description.workflowExtendedInfo?.pauseInfo
  const { reset } = signalbox
  printer.record(
    'Workflow:',
    {
      WorkflowId: info.execution.workflowId,
      RunId: info.execution.runId,
      Type: info.type.name,
      Status: statusOf(info.status),
      StartTime: info.startTime,
      CloseTime: info.closeTime,
      HistoryLength: info.historyLength,
      MailboxDepth: signalbox.mailboxDepth,
      Parked: signalbox.parked?.reason,
      Attempts: signalbox.parked?.attempts,
      NextAttempt: signalbox.parked?.nextAttemptTime,
      Quarantined: signalbox.quarantined?.reason,
      PausedTime: paused?.pausedTime,
      PausedBy: paused?.identity,
      PauseReason: paused?.reason,
      ResetFrom: reset && `${reset.baseRunId}, event ${reset.eventId}`,
      ResetReason: reset?.reason,
      ResetTo: description.workflowExtendedInfo?.resetRunId,
    },
    text,
  )
  if (signalbox.parked?.stack !== undefined)
    printer.note(`Parked by:\n${parkedText(signalbox.parked)}`)
  const pending = description.pendingActivities ?? []
  if (printer.format !== 'text' || pending.length === 0) return
  type Pending = (typeof pending)[number]
  printer.note('Pending activities:')
  printer.rows(pending, {
    Id: (activity: Pending) => activity.activityId,
    Type: (activity: Pending) => activity.activityType.name,
    State: (activity: Pending) => activity.state.replace('PENDING_ACTIVITY_STATE_', ''),
    Attempt: (activity: Pending) => activity.attempt,
    LastFailure: (activity: Pending) => activity.lastFailure?.message,
  })
}

/** As text an event a line, as it happens; as JSON `{"events": […]}`, which a replayer takes. */
async function showHistory(
  client: ApiClient,
  printer: Printer,
  flags: TargetFlags & { readonly follow?: boolean },
): Promise<void> {
  const events: HistoryEvent[] = []
  let nextPageToken: string | undefined
  do {
    const { value } = await client.get<{
      readonly history: { readonly events: readonly HistoryEvent[] }
      readonly nextPageToken?: string
    }>(workflowPath(flags.workflowId, '/history'), {
      'execution.runId': flags.runId,
      waitNewEvent: flags.follow === true ? true : undefined,
      timeout: '30s',
      noPayloadShorthand: true,
      nextPageToken,
    })
    for (const event of value.history.events) {
      if (printer.format === 'json') events.push(event)
      else if (printer.format === 'jsonl') printer.json(JSON.stringify(event))
      else printer.note(eventLine(event))
    }
    nextPageToken = value.nextPageToken
  } while (nextPageToken !== undefined)
  if (printer.format === 'json') printer.json(JSON.stringify({ events }))
}

function eventLine({ eventId, eventTime, eventType }: HistoryEvent): string {
  return `${eventId.padStart(5)}  ${eventTime.padEnd(24)}  ${pascal(eventType)}`
}

function pascal(eventType: string): string {
  return eventType
    .replace('EVENT_TYPE_', '')
    .toLowerCase()
    .replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}
