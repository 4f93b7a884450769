import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { type ApiClient, workflowPath } from './api-client.ts'
import { CliError } from './cli-error.ts'
import { collect, inputValues } from './flag-values.ts'
import { plain, type Printer } from './printer.ts'
import { listAll } from './read-commands.ts'
import { sendSignalFile } from './signal-file.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  withConnection,
} from './workflow-command.ts'

/** One workflow, or all running ones that match a filter. */
interface ManyFlags extends CommonFlags {
  readonly workflowId?: string
  readonly runId?: string
  readonly query?: string
  readonly yes?: boolean
  readonly reason?: string
}

interface SignalFlags extends ManyFlags {
  readonly name?: string
  readonly input?: readonly string[]
  readonly inputFile?: readonly string[]
  readonly requestId?: string
  readonly idempotencyKey?: string
}

/** Requests under way at a time for a command over many workflows. */
const concurrency = 32

/** `signal`, `cancel`, `terminate` and `delete`. */
export function addChangeCommands(workflow: Command): void {
  addSignalCommand(workflow)
  examples(
    withReason(workflow.command('cancel').description('Ask a workflow to cancel itself')),
    'signalbox workflow cancel --workflow-id customer-42',
    `signalbox workflow cancel --query "WorkflowType = 'loyalty'" --yes`,
  ).action(async (flags: ManyFlags) => {
    const body = (runId?: string) => ({ ...target(runId), reason: flags.reason })
    await change(flags, 'Cancel requested', '/cancel', body)
  })
  examples(
    withReason(workflow.command('terminate').description('End a workflow at once')),
    'signalbox workflow terminate --workflow-id customer-42 --reason "sent twice"',
  ).action(async (flags: ManyFlags) => {
    const body = (runId?: string) => ({ ...target(runId), reason: flags.reason })
    await change(flags, 'Terminated', '/terminate', body)
  })
  examples(
    withReason(
      workflow
        .command('delete')
        .description('Delete a run with its history; a running one is terminated first'),
      'all workflows that match, closed ones too',
    ),
    'signalbox workflow delete --workflow-id customer-42',
    `signalbox workflow delete --query "ExecutionStatus = 'Failed'" --yes`,
  ).action(async (flags: ManyFlags) => {
    const { reason } = flags
    await changeEach(flags, 'Deleted', flags.query, (client, workflowId, runId) =>
      client.delete(workflowPath(workflowId), { runId, reason }),
    )
  })
}

function addSignalCommand(workflow: Command): void {
  const signal = withMany(
    workflow.command('signal').description('Signal a workflow, or send a file of signals'),
  )
    .option('--name <name>', 'the signal')
    .option('-i, --input <json>', 'an argument; may be given again', collect)
    .option(
      '--input-file <file>',
      'without a workflow: a file with a signal on each line; else an argument from a JSON file',
      collect,
    )
    .option('--request-id <id>', 'makes it safe to repeat the command')
    .option('--idempotency-key <key>', 'for a file; default: made of its contents')
  examples(
    signal,
    'signalbox workflow signal --workflow-id customer-42 --name earned --input 25',
    'signalbox workflow signal --input-file events.ndjson',
    `signalbox workflow signal --query "WorkflowType = 'cart'" --name expire --yes`,
  ).action(async (flags: SignalFlags) => {
    const { workflowId, query, inputFile = [] } = flags
    if (workflowId === undefined && query === undefined && inputFile.length > 0) {
      return sendFiles(flags, inputFile)
    }
    if (flags.name === undefined) throw new CliError('give the signal with --name')
    const input = inputValues(flags.input, inputFile)
    const body = (runId?: string) => ({ ...target(runId), input, requestId: flags.requestId })
    await change(flags, 'Signaled', `/signal/${encodeURIComponent(flags.name)}`, body)
  })
}

async function sendFiles(flags: SignalFlags, files: readonly string[]): Promise<void> {
  if (flags.name !== undefined || flags.input !== undefined) {
    throw new CliError('--name and --input need --workflow-id or --query: a file has its own')
  }
  if (flags.idempotencyKey !== undefined && files.length > 1) {
    // Line 1 of the second file would pass for line 1 of the first, and not be applied.
    throw new CliError('--idempotency-key is for one file: give each file a command of its own')
  }
  for (const file of files) {
    await sendSignalFile(clientOf(flags), file, flags.idempotencyKey, printerOf(flags))
  }
}

function withMany(command: Command, many = 'all running workflows that match'): Command {
  return withConnection(
    command
      .option('-w, --workflow-id <id>', 'the workflow')
      .option('-r, --run-id <id>', 'the run; default: the current one')
      .option('-q, --query <filter>', `instead: ${many}`)
      .option('-y, --yes', 'do not ask before changing many workflows'),
  )
}

/** A signal has none: there is nothing that would record it. */
function withReason(command: Command, many?: string): Command {
  return withMany(command, many).option('--reason <text>', 'recorded in the history')
}

function target(runId: string | undefined): object {
  return { workflowExecution: { runId }, identity: 'signalbox-cli' }
}

/** What is asked of one run. */
type Change = (
  client: ApiClient,
  workflowId: string,
  runId: string | undefined,
) => Promise<{ readonly text: string }>

/** Send one request for the workflow, or one for each running one that matches. */
async function change(
  flags: ManyFlags,
  done: string,
  path: string,
  body: (runId?: string) => object,
): Promise<void> {
  const running = `(${flags.query}) AND ExecutionStatus = 'Running'`
  await changeEach(flags, done, running, (client, workflowId, runId) =>
    client.post(workflowPath(workflowId, path), body(runId)),
  )
}

/** An empty one, of a variable that is not set say, would match every workflow. */
export function checkQuery(flags: {
  readonly query?: string | undefined
  readonly runId?: string | undefined
}): void {
  if (flags.query === undefined) return
  if (flags.query.trim() === '') {
    throw new CliError('--query is empty, which would match every workflow')
  }
  if (flags.runId !== undefined) throw new CliError('--run-id is of one workflow, not of --query')
}

/** The same with `query` for which ones, if the flags have one. */
async function changeEach(
  flags: ManyFlags,
  done: string,
  query: string | undefined,
  request: Change,
): Promise<void> {
  const client = clientOf(flags)
  const printer = printerOf(flags)
  const { workflowId, runId } = flags
  if ((workflowId === undefined) === (flags.query === undefined)) {
    throw new CliError('give either --workflow-id or --query')
  }
  checkQuery(flags)
  if (workflowId !== undefined) {
    const { text } = await request(client, workflowId, runId)
    printer.record(`${done}:`, { WorkflowId: workflowId, RunId: runId }, text)
    return
  }
  await changeMany(client, printer, flags, done, query ?? '', request)
}

/** Do something with all workflows that match, some at a time, and tell how many there were. */
export async function changeMany(
  client: ApiClient,
  printer: Printer,
  flags: { readonly yes?: boolean },
  done: string,
  query: string,
  request: Change,
): Promise<void> {
  const { value } = await client.get<{ readonly count?: string }>('/workflow-count', { query })
  const count = Number(value.count ?? 0)
  if (flags.yes !== true && count > 0) await confirm(`${count} workflows match. Go on?`)
  const matching = listAll(client, query)
  let changed = 0
  let failed = 0
  const work = async (): Promise<void> => {
    for (;;) {
      const { value: info, done: isLast } = await matching.next()
      if (isLast === true || info === undefined) return
      const { workflowId, runId } = info.execution
      try {
        await request(client, workflowId, runId)
        changed++
      } catch (error) {
        failed++
        const reason = error instanceof Error ? error.message : String(error)
        process.stderr.write(plain(`${workflowId}: ${reason}\n`))
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  printer.record(
    `${done}:`,
    { Workflows: changed, Failed: failed },
    JSON.stringify({ changed, failed }),
  )
  if (failed > 0) throw new CliError(`${failed} of ${changed + failed} workflows refused`)
}

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CliError(`${question} Add --yes to say so.`)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `)
  terminal.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was changed')
}
