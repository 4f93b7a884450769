import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addServeCommand } from '../../api/cli/serve-command.ts'
import { configSchema } from '../../api/config-schema.ts'
import { serveDefaults } from '../../api/serve-defaults.ts'
import { codeBlocks, readDocument, tableRows } from './markdown.ts'
import { configProblems } from '../../api/config-problems.ts'

interface Schema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** The options by name, with what the schema says of them. */
function optionsOf(schema: Schema, path = ''): [string, string][] {
  if (path === 'limits') return []
  const below = [
    ...Object.entries(schema.properties ?? {}).map(([name, of]) => [`.${name}`, of] as const),
    ...Object.values(schema.patternProperties ?? {}).map((of) => ['.<name>', of] as const),
    ...(schema.items === undefined ? [] : [['[]', schema.items] as const]),
  ]
  return below.flatMap(([name, of]) => {
    const option = `${path}${name}`.replace(/^\./, '')
    const own: [string, string][] =
      of.description === undefined || of.description === '' || name === '.<name>'
        ? []
        : [[option, of.description]]
    return [...own, ...optionsOf(of, option)]
  })
}

const page = readDocument('docs/configuration.md')
const rows = tableRows(page.slice(page.indexOf('## Options')), /^[a-z][\w.[\]<>]+$/)

describe('docs/configuration.md', () => {
  test('has every option, with what the schema says of it', () => {
    const documented = [...rows].map(([name, cells]) => [name, cells.at(-1)])
    expect(documented.length).toBeGreaterThan(30)
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(optionsOf(configSchema as Schema)),
    )
  })

  test('has the defaults that hold', () => {
    for (const [name, value] of Object.entries(serveDefaults)) {
      const shown = rows.get(name)?.[0]?.replaceAll(/[`,]/g, '')
      expect(shown, name).toBe(String(value))
    }
  })

  test('has every flag of serve and its variable', () => {
    const program = new Command()
    addServeCommand(program)
    const text = (program.commands[0]?.options ?? []).map(
      ({ long, envVar }) => `\`${long}\`, \`${envVar}\``,
    )
    expect(text.length).toBeGreaterThan(8)
    const shown = [...rows.values()].map(([, flag = '']) => flag).filter((flag) => flag !== '')
    // They have no option: the file itself, and a token that should not be in one.
    const others = ['`--config`, `SIGNALBOX_CONFIG`', '`--token`, `SIGNALBOX_TOKEN`']
    for (const other of others) expect(page.slice(0, page.indexOf('## Options'))).toContain(other)
    expect([...shown, ...others].sort()).toEqual(text.sort())
  })

  test('has examples that are valid', () => {
    const examples = codeBlocks(page).filter(({ language }) => language === 'json')
    expect(examples.length).toBeGreaterThan(0)
    for (const { code } of examples) expect(configProblems(JSON.parse(code))).toEqual([])
  })
})
