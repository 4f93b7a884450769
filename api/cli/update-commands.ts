import { Command, Option } from 'commander'
import { workflowPath } from './api-client.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { collect, inputValues } from './flag-values.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  type TargetFlags,
  withConnection,
  withTarget,
} from './workflow-command.ts'
import { failureText, type ResultAnswer } from './workflow-result.ts'

interface UpdateFlags extends CommonFlags, TargetFlags {
  readonly name: string
  readonly updateId?: string
  readonly firstExecutionRunId?: string
  readonly input?: readonly string[]
  readonly inputFile?: readonly string[]
}

interface PollFlags extends CommonFlags, TargetFlags {
  readonly updateId: string
}

interface UpdateAnswer {
  readonly updateRef: {
    readonly workflowExecution: { readonly runId: string }
    readonly updateId: string
  }
  readonly stage: string
  readonly outcome?: {
    readonly success?: readonly unknown[] | { readonly payloads: readonly unknown[] }
    readonly failure?: ResultAnswer['failure']
  }
}

const stagePrefix = 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_'

/** `update execute`, `update start`, `update result` and `update describe`. */
export function addUpdateCommands(workflow: Command): void {
  const update = examples(
    workflow.command('update').description('Update a workflow'),
    'signalbox workflow update execute --workflow-id cart-7 --name add --input 25',
  )
  examples(
    withUpdateFlags(
      update.command('execute').description('Update a workflow and wait for the outcome'),
    ),
    'signalbox workflow update execute --workflow-id cart-7 --name add --input 25',
  ).action((flags: UpdateFlags) => sendUpdate(flags, 'COMPLETED'))

  examples(
    withUpdateFlags(
      update
        .command('start')
        .description('Update a workflow and wait until it has accepted the update')
        .addOption(
          new Option('--wait-for-stage <stage>', 'what to wait for')
            .choices(['accepted'])
            .makeOptionMandatory(),
        ),
    ),
    'signalbox workflow update start --workflow-id cart-7 --name pay --update-id pay-1 --wait-for-stage accepted',
    'signalbox workflow update result --workflow-id cart-7 --update-id pay-1',
  ).action((flags: UpdateFlags) => sendUpdate(flags, 'ACCEPTED'))
  addPollCommands(update)
}

/** `update describe` and `update result`: of an update that was asked for before, by its id. */
function addPollCommands(update: Command): void {
  const ofUpdate = (command: Command): Command =>
    withConnection(withTarget(command).requiredOption('--update-id <id>', 'the update'))
  examples(
    ofUpdate(update.command('result').description('Wait for the outcome of an update')),
    'signalbox workflow update result --workflow-id cart-7 --update-id pay-1',
  ).action((flags: PollFlags) => pollUpdate(flags, 'COMPLETED'))
  examples(
    ofUpdate(update.command('describe').description('How far an update is, without waiting')),
    'signalbox workflow update describe --workflow-id cart-7 --update-id pay-1',
  ).action((flags: PollFlags) => pollUpdate(flags, 'ADMITTED'))
}

/** @throws CliError with exit code 3 if the update was rejected or failed */
async function pollUpdate(flags: PollFlags, awaited: 'ADMITTED' | 'COMPLETED'): Promise<void> {
  const client = clientOf(flags)
  const path = workflowPath(flags.workflowId, `/updates/${encodeURIComponent(flags.updateId)}`)
  let { runId } = flags
  for (;;) {
    const query = { 'execution.runId': runId, lifecycleStage: awaited, timeout: '30s' }
    const { text, value } = await client.get<UpdateAnswer>(path, query)
    const stage = value.stage.replace(stagePrefix, '')
    if (awaited === 'COMPLETED' && stage !== 'COMPLETED') {
      runId = value.updateRef.workflowExecution.runId
      continue
    }
    printUpdate(flags, stage, value, text)
    return
  }
}

function withUpdateFlags(command: Command): Command {
  return withConnection(
    withTarget(command)
      .requiredOption('--name <name>', 'the update')
      .option('-i, --input <json>', 'an argument; may be given again', collect)
      .option('--input-file <file>', 'an argument from a JSON file; may be given again', collect)
      .option('--update-id <id>', 'joins the update that has this id; default: a random one')
      .option('--first-execution-run-id <id>', 'the run that the chain of runs began with'),
  )
}

/**
 * Send an update and wait, however long it takes, until it has reached the stage. Each request has the same
 * update id, so that one whose time was up joins the update and does not make another one.
 *
 * @throws CliError with exit code 3 if the update was rejected or failed
 */
async function sendUpdate(flags: UpdateFlags, awaited: 'ACCEPTED' | 'COMPLETED'): Promise<void> {
  const client = clientOf(flags)
  const { workflowId, name, firstExecutionRunId, updateId = crypto.randomUUID() } = flags
  const args = inputValues(flags.input, flags.inputFile)
  const path = workflowPath(workflowId, `/update/${encodeURIComponent(name)}`)
  let { runId } = flags
  for (;;) {
    const body = {
      workflowExecution: { runId },
      firstExecutionRunId,
      waitPolicy: { lifecycleStage: awaited },
      request: { meta: { updateId, identity: 'signalbox-cli' }, input: { args } },
    }
    const { text, value } = await client.post<UpdateAnswer>(path, body, { timeout: '30s' })
    const stage = value.stage.replace(stagePrefix, '')
    if (stage !== 'COMPLETED' && stage !== awaited) {
      // An accepted update belongs to its run: a later run of the workflow does not know its id.
      if (stage === 'ACCEPTED') runId = value.updateRef.workflowExecution.runId
      continue
    }
    printUpdate(flags, stage, value, text)
    return
  }
}

function printUpdate(
  flags: CommonFlags & TargetFlags,
  stage: string,
  answer: UpdateAnswer,
  text: string,
): void {
  const { updateRef, outcome } = answer
  const success = outcome?.success
  const results = success !== undefined && 'payloads' in success ? success.payloads : success
  const failure = failureText(outcome?.failure)
  printerOf(flags).record(
    'Update:',
    {
      WorkflowId: flags.workflowId,
      RunId: updateRef.workflowExecution.runId,
      UpdateId: updateRef.updateId,
      Stage: stage,
      Result: results?.[0],
      Failure: failure,
    },
    text,
  )
  if (failure === undefined) return
  throw new CliError(
    `update ${updateRef.updateId} of workflow ${flags.workflowId} failed: ${failure}`,
    exitCodes.workflowFailed,
  )
}
