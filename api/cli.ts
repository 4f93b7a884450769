#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { SignalboxError } from '../runtime/errors.ts'
import { addControlCommands } from './cli/control-commands.ts'
import { addChangeCommands } from './cli/change-commands.ts'
import { CliError, exitCodes } from './cli/cli-error.ts'
import { wholeNumber } from './cli/flag-values.ts'
import { addMissingCommands, addOtherCommands } from './cli/other-commands.ts'
import { addReadCommands } from './cli/read-commands.ts'
import { addStartCommands } from './cli/start-commands.ts'
import { addUpdateCommands } from './cli/update-commands.ts'
import { packageVersion } from './package-version.ts'
import type { ServeOptions } from './serve.ts'

const example = `
Example:
  $ signalbox serve --workflows workflows.ts --activities activities.ts --data-dir ./data
`

const program = new Command('signalbox')
  .description('Durable workflow actors: strictly ordered signals that survive kill -9')
  .version(packageVersion())
  .addHelpText('after', example)
  .showHelpAfterError('(add --help for the commands and options)')

program
  .command('serve')
  .description('Serve the workflows of a file over HTTP')
  .requiredOption('--workflows <file>', 'the file whose exported functions are the workflows')
  .option('--activities <file>', 'the file whose exported functions are the activities')
  .requiredOption('--data-dir <folder>', 'the folder of the journal; made if it is missing')
  .option('--port <number>', 'the port to listen on; 0 chooses one', wholeNumber(0, 65_535), 7243)
  .option('--host <address>', 'the address to listen on', '127.0.0.1')
  .option(
    '--slots <number>',
    'worker threads (default: one less than processors)',
    wholeNumber(1, 256),
  )
  .addOption(
    new Option('--token <token>', 'the bearer token that requests need').env('SIGNALBOX_TOKEN'),
  )
  .addOption(
    new Option('--log-level <level>', 'what is logged, on stderr')
      .choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
      .default('info'),
  )
  .addHelpText('after', example)
  .action(async (options: ServeOptions) => {
    // Only this command needs the engine; the others start faster without.
    const { serve } = await import('./serve.ts')
    // An empty variable in the environment is no token, not an empty one.
    await serve({ ...options, token: options.token === '' ? undefined : options.token })
  })

// A program of its own, run as one: it forks processes for its scenarios, and nothing here imports it.
program.command('bench', 'Measure this machine: rates, latencies, recovery; see bench --list', {
  executableFile: fileURLToPath(
    new URL(`../bench/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  ),
})

const workflow = program
  .command('workflow')
  .description('Start, signal, query and follow workflows of a server')
addStartCommands(workflow)
addChangeCommands(workflow)
addReadCommands(workflow)
addUpdateCommands(workflow)
addControlCommands(workflow)
addMissingCommands(workflow, ['reset'])
addOtherCommands(program)

// A reader that has seen enough, such as head, ends a command without ado.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(error instanceof CliError ? error.exitCode : exitCodes.failed)
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
