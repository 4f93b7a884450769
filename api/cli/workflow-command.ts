import { Command, Option } from 'commander'
import { ApiClient } from './api-client.ts'
import { CliError } from './cli-error.ts'
import { outputOption } from './output-option.ts'
import { type OutputFormat, Printer } from './printer.ts'
import { type TlsFlags, tlsOf, withTls } from './tls-flags.ts'

export interface CommonFlags extends TlsFlags {
  readonly address: string
  readonly namespace: string
  readonly token?: string
  readonly output: OutputFormat
}

export interface TargetFlags {
  readonly workflowId: string
  readonly runId?: string
}

/** Flags of every command that talks to a server. */
export function withConnection(command: Command): Command {
  return withTls(command)
    .addOption(
      new Option('--address <url>', 'the server')
        .env('SIGNALBOX_ADDRESS')
        .default('127.0.0.1:7243'),
    )
    .addOption(
      new Option('-n, --namespace <name>', 'the namespace')
        .env('SIGNALBOX_NAMESPACE')
        .default('default'),
    )
    .addOption(new Option('--token <token>', 'the bearer token').env('SIGNALBOX_TOKEN'))
    .addOption(outputOption())
}

/** Which workflow a command is about. */
export function withTarget(command: Command): Command {
  return command
    .requiredOption('-w, --workflow-id <id>', 'the workflow')
    .option('-r, --run-id <id>', 'the run; default: the current one')
}

/** A client of the server that the flags name. */
export function clientOf(flags: CommonFlags): ApiClient {
  const { namespace, token } = flags
  const tls = tlsOf(flags)
  const scheme = tls === undefined ? 'http' : 'https'
  const address = flags.address.includes('://') ? flags.address : `${scheme}://${flags.address}`
  if (!URL.canParse(address) || !/^https?:/.test(address)) {
    throw new CliError(`--address ${flags.address} is not an HTTP address: give http://host:port`)
  }
  if (tls !== undefined && address.startsWith('http:')) {
    throw new CliError(
      `--address ${flags.address} is without TLS: give https://, or no --tls flags`,
    )
  }
  return new ApiClient({
    address: address.replace(/\/+$/, ''),
    namespace,
    token: token === '' ? undefined : token,
    tls,
  })
}

export function printerOf(flags: CommonFlags): Printer {
  return new Printer(flags.output)
}

/** Examples below a command's help. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  const shown = lines.map((line) => `  $ ${line}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${shown}\n`)
}
