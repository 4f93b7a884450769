import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readDocument, tableRows } from '../docs/markdown.ts'
import { CliProcess } from './fixtures/serve-process.ts'

// A verb is a process, and on a busy machine each takes seconds to begin.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

/** The words that complete each command, and what its help says. */
const commands = new Map<string, { readonly words: readonly string[]; help: string }>()
const isLeaf = (words: readonly string[]): boolean => words.every((word) => word.startsWith('--'))
const page = readDocument('docs/cli.md')

beforeAll(async () => {
  const { stdout } = await new CliProcess(['completion', 'bash']).exit
  for (const [, command = '', words = ''] of stdout.matchAll(/^ +'(.*)'\) words='(.*)' ;;$/gm)) {
    commands.set(command, { words: words.split(' '), help: '' })
  }
  const waiting = [...commands]
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [command, found] = next
      const exit = await new CliProcess([...command.split(' ').filter(Boolean), '--help']).exit
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      found.help = exit.stdout
    }
  }
  await Promise.all([work(), work()])
})

describe('the command line', () => {
  test('has help with a description, and examples that have only flags which there are', () => {
    expect(commands.size).toBeGreaterThan(25)
    const examples: string[] = []
    for (const [command, { help }] of commands) {
      expect(help, command).toMatch(/^Usage: signalbox/)
      const own = [...help.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = '']) => line)
      expect(own.length, `${command} has no example`).toBeGreaterThan(0)
      const isNamed = own.some((line) => line.includes(`signalbox ${command}`))
      expect(isNamed, `an example of ${command}`).toBe(true)
      examples.push(...own)
    }
    for (const line of examples) {
      const text = line.slice(line.indexOf('signalbox ') + 'signalbox '.length)
      const of = [...commands.keys()]
        .filter((command) => command !== '' && `${text} `.startsWith(`${command} `))
        .toSorted((a, b) => b.length - a.length)[0]
      expect(of, line).toBeDefined()
      const { help = '' } = commands.get(of ?? '') ?? {}
      for (const [flag] of text.matchAll(/(?<=\s)--[a-z][a-z-]*/g)) {
        expect(help, `${flag} of ${line}`).toMatch(new RegExp(`${flag}[ ,\n]`))
      }
    }
  })

  test('is told of in docs/cli.md: every verb, environment variable and exit code', async () => {
    for (const [command, { words, help }] of commands) {
      const [first, ...rest] = command.split(' ')
      if (isLeaf(words)) {
        const name = first === 'workflow' ? rest.join(' ') : command
        expect(page.includes(`\`${name}`) || page.includes(`signalbox ${command}`), command).toBe(
          true,
        )
      }
      for (const [, variable = ''] of help.matchAll(/env: (\w+)/g)) {
        expect(page, variable).toContain(`\`${variable}\``)
      }
    }
    const { exitCodes } = await import('../../dist/api/cli/cli-error.js')
    const told = [...tableRows(page, /^\d$/).keys()].map(Number)
    expect(told).toEqual([0, ...Object.values(exitCodes)])
  })
})
