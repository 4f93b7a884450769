import { createHash, randomBytes } from 'node:crypto'
import { Argument, type Command, Option } from 'commander'
import { scopeNames } from '../operation.ts'
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
      .description('Make a token, and the entry of the configuration file that lets it in')
      .option('--name <name>', 'for people: who has it', 'unnamed')
      .addOption(
        new Option('--scope <scope...>', 'what it may do (default: admin)').choices(scopeNames),
      )
      .option('--namespace <name...>', 'where (default: everywhere)')
      .option('--hash-only', 'read a token from stdin and print its hash'),
    'signalbox token --name shop --scope signal read --namespace shop',
    'printf %s "$SIGNALBOX_TOKEN" | signalbox token --hash-only',
  ).action(async (flags: TokenFlags) => {
    const token =
      flags.hashOnly === true ? await readToken() : randomBytes(32).toString('base64url')
    const hash = `sha256:${createHash('sha256').update(token).digest('hex')}`
    const { name, scope = ['admin'], namespace } = flags
    const entry = JSON.stringify({ name, hash, scopes: scope, namespaces: namespace })
    process.stdout.write(
      flags.hashOnly === true
        ? `${hash}\n`
        : `token  ${token}\nhash   ${hash}\n\n` +
            `Keep the token; "tokens" in signalbox.config.json takes this:\n${entry}\n`,
    )
  })
}

interface TokenFlags {
  readonly name: string
  readonly scope?: readonly string[]
  readonly namespace?: readonly string[]
  readonly hashOnly?: boolean
}

async function readToken(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  const token = text.trim()
  // A short token can be found from its hash by trying.
  if (token.length < 20) throw new CliError('a token must have at least 20 characters')
  return token
}
