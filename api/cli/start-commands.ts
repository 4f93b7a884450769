import { Command, Option } from 'commander'
import { workflowPath } from './api-client.ts'
import { collect, durationFlag, inputValues, pairs } from './flag-values.ts'
import type { Printer } from './printer.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  withConnection,
} from './workflow-command.ts'
import { printResult } from './workflow-result.ts'

interface StartFlags extends CommonFlags {
  readonly workflowId?: string
  readonly type: string
  readonly taskQueue?: string
  readonly input?: readonly string[]
  readonly inputFile?: readonly string[]
  readonly executionTimeout?: string
  readonly runTimeout?: string
  readonly taskTimeout?: string
  readonly startDelay?: string
  readonly cron?: string
  readonly idReusePolicy?: string
  readonly idConflictPolicy?: string
  readonly memo?: readonly string[]
  readonly searchAttribute?: readonly string[]
  readonly requestId?: string
}

interface SignalWithStartFlags extends StartFlags {
  readonly signalName: string
  readonly signalInput?: readonly string[]
}

interface StartAnswer {
  readonly runId: string
  readonly started?: boolean
}

/** `start`, `execute` and `signal-with-start`. */
export function addStartCommands(workflow: Command): void {
  examples(
    withStartFlags(workflow.command('start').description('Start a workflow')),
    'signalbox workflow start --workflow-id customer-42 --type loyalty --input \'"Ada"\'',
    'signalbox workflow start --type report --input-file input.json --output json',
  ).action(async (flags: StartFlags) => {
    const workflowId = flags.workflowId ?? newWorkflowId(flags.type)
    const path = workflowPath(workflowId)
    const { text, value } = await clientOf(flags).post<StartAnswer>(path, startBody(flags))
    printStarted(printerOf(flags), workflowId, flags.type, value, text)
  })

  examples(
    withStartFlags(
      workflow.command('execute').description('Start a workflow and wait for its result'),
    ),
    "signalbox workflow execute --workflow-id sum-1 --type sum --input '[1, 2, 3]'",
  ).action(async (flags: StartFlags) => {
    const client = clientOf(flags)
    const printer = printerOf(flags)
    const workflowId = flags.workflowId ?? newWorkflowId(flags.type)
    const path = workflowPath(workflowId)
    const { text, value } = await client.post<StartAnswer>(path, startBody(flags))
    if (flags.output === 'text') printStarted(printer, workflowId, flags.type, value, text)
    await printResult(client, printer, workflowId, undefined)
  })

  const signalWithStart = workflow
    .command('signal-with-start')
    .description('Signal a workflow, and start it if it does not run')
    .requiredOption('--signal-name <name>', 'the signal')
    .option('--signal-input <json>', 'an argument of the signal; may be given again', collect)
  examples(
    withStartFlags(signalWithStart),
    'signalbox workflow signal-with-start --workflow-id cart-7 --type cart --signal-name add --signal-input 25',
  ).action(async (flags: SignalWithStartFlags) => {
    const workflowId = flags.workflowId ?? newWorkflowId(flags.type)
    const rest = `/signal-with-start/${encodeURIComponent(flags.signalName)}`
    const body = { ...startBody(flags), signalInput: inputValues(flags.signalInput) }
    const path = workflowPath(workflowId, rest)
    const { text, value } = await clientOf(flags).post<StartAnswer>(path, body)
    printStarted(printerOf(flags), workflowId, flags.type, value, text)
  })
}

function withStartFlags(command: Command): Command {
  return withConnection(
    command
      .option('-w, --workflow-id <id>', 'the workflow; default: its type and a random number')
      .requiredOption('--type <name>', 'the workflow function')
      .option('-t, --task-queue <name>', 'recorded, and otherwise without effect')
      .option('-i, --input <json>', 'an argument; may be given again', collect)
      .option('--input-file <file>', 'an argument from a JSON file; may be given again', collect)
      .option('--execution-timeout <duration>', 'for the workflow and its successors', durationFlag)
      .option('--run-timeout <duration>', 'for one run', durationFlag)
      .option('--task-timeout <duration>', 'recorded, and otherwise without effect', durationFlag)
      .option('--start-delay <duration>', 'begin that much later', durationFlag)
      .option('--cron <schedule>', 'start again and again')
      .addOption(
        new Option('--id-reuse-policy <policy>', 'if the id was used before').choices([
          'AllowDuplicate',
          'AllowDuplicateFailedOnly',
          'RejectDuplicate',
          'TerminateIfRunning',
        ]),
      )
      .addOption(
        new Option('--id-conflict-policy <policy>', 'if the id is in use').choices([
          'Fail',
          'UseExisting',
          'TerminateExisting',
        ]),
      )
      .option('--memo <key=value>', 'may be given again', collect)
      .option('--search-attribute <key=value>', 'may be given again', collect)
      .option('--request-id <id>', 'makes it safe to repeat the command'),
  )
}

function startBody(flags: StartFlags): object {
  const memo = pairs(flags.memo, '--memo')
  const attributes = pairs(flags.searchAttribute, '--search-attribute')
  return {
    workflowType: { name: flags.type },
    taskQueue: flags.taskQueue === undefined ? undefined : { name: flags.taskQueue },
    input: inputValues(flags.input, flags.inputFile),
    workflowExecutionTimeout: flags.executionTimeout,
    workflowRunTimeout: flags.runTimeout,
    workflowTaskTimeout: flags.taskTimeout,
    workflowStartDelay: flags.startDelay,
    cronSchedule: flags.cron,
    workflowIdReusePolicy: flags.idReusePolicy,
    workflowIdConflictPolicy: flags.idConflictPolicy,
    memo: memo === undefined ? undefined : { fields: memo },
    searchAttributes: attributes === undefined ? undefined : { indexedFields: attributes },
    requestId: flags.requestId,
    identity: 'signalbox-cli',
  }
}

function newWorkflowId(type: string): string {
  return `${type}-${crypto.randomUUID()}`
}

function printStarted(
  printer: Printer,
  workflowId: string,
  type: string,
  answer: StartAnswer,
  text: string,
): void {
  const title = answer.started === true ? 'Started:' : 'Was running already:'
  const json = `{"workflowId":${JSON.stringify(workflowId)},${text.slice(1)}`
  printer.record(title, { WorkflowId: workflowId, RunId: answer.runId, Type: type }, json)
}
