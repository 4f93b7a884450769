import type { Command } from 'commander'
import { workflowPath } from './api-client.ts'
import {
  clientOf,
  type CommonFlags,
  examples,
  printerOf,
  type TargetFlags,
  withConnection,
  withTarget,
} from './workflow-command.ts'

interface PauseFlags extends CommonFlags, TargetFlags {
  readonly reason?: string
  readonly requestId?: string
}

/** `pause` and `unpause`. */
export function addControlCommands(workflow: Command): void {
  examples(
    withPauseFlags(
      workflow
        .command('pause')
        .description('Let a workflow take no turns: signals, results and timers wait'),
    ),
    'signalbox workflow pause --workflow-id customer-42 --reason "the bank is closed"',
  ).action((flags: PauseFlags) => change(flags, 'Paused', '/pause'))
  examples(
    withPauseFlags(
      workflow.command('unpause').description('Let a paused workflow go on with what has waited'),
    ),
    'signalbox workflow unpause --workflow-id customer-42',
  ).action((flags: PauseFlags) => change(flags, 'Unpaused', '/unpause'))
}

function withPauseFlags(command: Command): Command {
  return withConnection(
    withTarget(command)
      .option('--reason <text>', 'recorded in the history')
      .option('--request-id <id>', 'makes it safe to repeat the command'),
  )
}

async function change(flags: PauseFlags, done: string, path: string): Promise<void> {
  const { workflowId, runId, reason, requestId } = flags
  const body = { runId, reason, requestId, identity: 'signalbox-cli' }
  const { text } = await clientOf(flags).post(workflowPath(workflowId, path), body)
  printerOf(flags).record(`${done}:`, { WorkflowId: workflowId, RunId: runId }, text)
}
