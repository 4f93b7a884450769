import { createHash, randomBytes } from 'node:crypto'
import { Argument, type Command } from 'commander'
import { CliError } from './cli-error.ts'
import { completionScript, shells } from './completion.ts'
import { examples } from './workflow-command.ts'

/** `completion` and `token`. */
export function addOtherCommands(program: Command): void {
  examples(
    program
      .command('completion')
      .description('Print a script that completes commands and flags in a shell')
      .addArgument(new Argument('<shell>', 'which shell').choices(shells)),
    'source <(signalbox completion bash)',
    'signalbox completion fish > ~/.config/fish/completions/signalbox.fish',
  ).action((shell: (typeof shells)[number]) => {
    process.stdout.write(completionScript(program, shell))
  })

  examples(
    program
      .command('token')
      .description('Make a token, and its hash for createServer({ tokens })')
      .option('--hash-only', 'read a token from stdin and print its hash'),
    'signalbox token',
    'printf %s "$SIGNALBOX_TOKEN" | signalbox token --hash-only',
  ).action(async (flags: { readonly hashOnly?: boolean }) => {
    const token =
      flags.hashOnly === true ? await readToken() : randomBytes(32).toString('base64url')
    const hash = `sha256:${createHash('sha256').update(token).digest('hex')}`
    process.stdout.write(
      flags.hashOnly === true ? `${hash}\n` : `token  ${token}\nhash   ${hash}\n`,
    )
  })
}

async function readToken(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  const token = text.trim()
  // A short token can be found from its hash by trying.
  if (token.length < 20) throw new CliError('a token must have at least 20 characters')
  return token
}

/** Verbs of Temporal that are not built: they say so, and change nothing. */
export function addMissingCommands(workflow: Command, names: readonly string[]): void {
  for (const name of names) {
    workflow
      .command(name)
      .description('Not part of this version')
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new CliError(
          `the command "workflow ${name}" is not part of this version of signalbox`,
        )
      })
  }
}
