import type { Command } from 'commander'

export const shells = ['bash', 'zsh', 'fish'] as const

interface Completion {
  /** The words of the command after `signalbox`. */
  readonly words: readonly string[]
  readonly subcommands: readonly string[]
  readonly flags: readonly string[]
}

/** A script for a shell that completes the commands and flags of `program`. */
export function completionScript(program: Command, shell: (typeof shells)[number]): string {
  const name = program.name()
  const all = completionsOf(program, [])
  if (shell === 'fish') return fishScript(name, all)
  const cases = all.map(
    ({ words, subcommands, flags }) =>
      `    '${words.join(' ')}') words='${[...subcommands, ...flags].join(' ')}' ;;`,
  )
  const zsh = shell === 'zsh' ? 'autoload -Uz bashcompinit && bashcompinit\n' : ''
  return `${zsh}_${name}() {
  local at command='' words='' current="\${COMP_WORDS[COMP_CWORD]}"
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      -*) break ;;
      *) command="\${command:+$command }\${COMP_WORDS[at]}" ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`
}

function completionsOf(command: Command, words: readonly string[]): readonly Completion[] {
  const flags = command.options.map((option) => option.long).filter((long) => long != null)
  const own = {
    words,
    subcommands: command.commands.map((sub) => sub.name()),
    flags: [...flags, '--help'],
  }
  const below = command.commands.flatMap((sub) => completionsOf(sub, [...words, sub.name()]))
  return [own, ...below]
}

function fishScript(name: string, all: readonly Completion[]): string {
  const lines = all.flatMap(({ words, subcommands, flags }) => {
    // The words before the cursor, without flags, are exactly these.
    const condition = `test (string join ' ' (string match -v -- '-*' (commandline -opc))) = '${[name, ...words].join(' ')}'`
    return [
      ...subcommands.map((sub) => `complete -c ${name} -f -n "${condition}" -a '${sub}'`),
      ...flags.map((flag) => `complete -c ${name} -n "${condition}" -l '${flag.slice(2)}'`),
    ]
  })
  return `${lines.join('\n')}\n`
}
