import { type Command, Option } from 'commander'
import { logLevels, serveDefaults } from '../serve-defaults.ts'
import type { ServeFlags } from '../serve-options.ts'
import { millisecondsFlag, wholeNumber } from './flag-values.ts'

export const serveExample = `
Example:
  $ signalbox serve --workflows workflows.ts --activities activities.ts --data-dir ./data
`

/** `serve`. Its flags have no defaults here: what they leave open, the configuration file says. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('Serve the workflows of a file over HTTP')
    .addOption(
      new Option(
        '-c, --config <file>',
        'the configuration (default: signalbox.config.json or .ts of this folder, if it is there)',
      ).env('SIGNALBOX_CONFIG'),
    )
    .addOption(
      new Option(
        '--workflows <file>',
        'the file whose exported functions are the workflows; required',
      ).env('SIGNALBOX_WORKFLOWS'),
    )
    .addOption(
      new Option('--activities <file>', 'the file whose exported functions are the activities').env(
        'SIGNALBOX_ACTIVITIES',
      ),
    )
    .addOption(
      new Option(
        '--data-dir <folder>',
        'the folder of the journal; made if it is missing; required',
      ).env('SIGNALBOX_DATA_DIR'),
    )
    .addOption(
      new Option(
        '--port <number>',
        `the port to listen on; 0 chooses one (default: ${serveDefaults.port})`,
      )
        .argParser(wholeNumber(0, 65_535))
        .env('SIGNALBOX_PORT'),
    )
    .addOption(
      new Option(
        '--host <address>',
        `the address to listen on (default: ${serveDefaults.host})`,
      ).env('SIGNALBOX_HOST'),
    )
    .addOption(
      new Option(
        '--backup-dir <folder>',
        'where POST /api/v1/backups makes its folders (default: there is no such route)',
      ).env('SIGNALBOX_BACKUP_DIR'),
    )
    .addOption(
      new Option(
        '--retention <time>',
        "how long closed workflows are kept, such as '30 days' (default: forever)",
      ).env('SIGNALBOX_RETENTION'),
    )
    .addOption(
      new Option('--slots <number>', 'worker threads (default: one less than processors)')
        .argParser(wholeNumber(1, 256))
        .env('SIGNALBOX_SLOTS'),
    )
    .addOption(
      new Option('--token <token>', 'a bearer token that may do everything').env('SIGNALBOX_TOKEN'),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged, on stderr (default: info)')
        .choices(logLevels)
        .env('SIGNALBOX_LOG_LEVEL'),
    )
    .addOption(
      new Option(
        '--drain-delay <duration>',
        'go on serving for so long when told to stop, not ready (default: 0s)',
      )
        .argParser(millisecondsFlag)
        .env('SIGNALBOX_DRAIN_DELAY'),
    )
    .addOption(
      new Option(
        '--drain-timeout <duration>',
        'then wait for requests in hand for so long (default: 5s)',
      )
        .argParser(millisecondsFlag)
        .env('SIGNALBOX_DRAIN_TIMEOUT'),
    )
    .addHelpText('after', serveExample)
    .action(async ({ drainDelay, drainTimeout, ...flags }: GivenFlags) => {
      // Only this command needs the engine; the others start faster without.
      const { resolveServeOptions } = await import('../serve-options.ts')
      const { serve } = await import('../serve.ts')
      const given = { ...flags, drainDelayMs: drainDelay, drainTimeoutMs: drainTimeout }
      await serve(await resolveServeOptions(given, process.cwd()))
    })
}

interface GivenFlags extends Omit<ServeFlags, 'drainDelayMs' | 'drainTimeoutMs'> {
  readonly drainDelay?: number
  readonly drainTimeout?: number
}
