#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { SignalboxError } from '../runtime/errors.ts'
import { addControlCommands } from './cli/control-commands.ts'
import { addChangeCommands } from './cli/change-commands.ts'
import { CliError, exitCodes } from './cli/cli-error.ts'
import { plain } from './cli/printer.ts'
import { examples } from './cli/workflow-command.ts'
import { addDataCommands } from './cli/data-commands.ts'
import { addOtherCommands } from './cli/other-commands.ts'
import { addReadCommands } from './cli/read-commands.ts'
import { addResetCommand } from './cli/reset-command.ts'
import { addServeCommand, serveExample } from './cli/serve-command.ts'
import { addStartCommands } from './cli/start-commands.ts'
import { addUpdateCommands } from './cli/update-commands.ts'
import { packageVersion } from './package-version.ts'

const program = new Command('signalbox')
  .description('Durable workflow actors: strictly ordered signals that survive kill -9')
  .version(packageVersion())
  .addHelpText('after', serveExample)
  .showHelpAfterError('(add --help for the commands and options)')

addServeCommand(program)

// A program of its own, run as one: it forks processes for its scenarios, and nothing here imports it.
program.command('bench', 'Measure this machine: rates, latencies, recovery; see bench --list', {
  executableFile: fileURLToPath(
    new URL(`../bench/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  ),
})

const workflow = examples(
  program.command('workflow').description('Start, signal, query and follow workflows of a server'),
  'signalbox workflow start --workflow-id customer-42 --type loyalty --input 100',
  'signalbox workflow list --query "ExecutionStatus = \'Running\'"',
)
addStartCommands(workflow)
addChangeCommands(workflow)
addReadCommands(workflow)
addUpdateCommands(workflow)
addControlCommands(workflow)
addResetCommand(workflow)
addDataCommands(program)
addOtherCommands(program)

// A reader that has seen enough, such as head, ends a command without ado.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

// A variable that is empty is one that is not set, to all commands alike.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith('SIGNALBOX_') && value === '') delete process.env[name]
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${plain(explain(error))}\n`)
  process.exit(exitCodeOf(error))
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode
  const isDamage = error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_JOURNAL_CORRUPT'
  return isDamage ? exitCodes.dataDamaged : exitCodes.failed
}

/** What to tell a person: the stack only where the error is not one of ours. */
function explain(error: unknown): string {
  if (error instanceof CliError || error instanceof InvalidArgumentError) {
    return `error: ${error.message}`
  }
  if (error instanceof SignalboxError) return `error: ${error.message} (${error.code})`
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `error: ${error.message}: choose another --port`
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
