import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as workflow from '../../actors/workflow/index.ts'
import * as absent from '../../actors/workflow/unavailable.ts'
import { readDocument, repository } from './markdown.ts'

/**
 * docs/compatibility.md says of every export of `@temporalio/workflow` whether it is here. It is held
 * against the list of those exports, and against what `signalbox/workflow` really has.
 */
const page = readDocument('docs/compatibility.md')
const temporal = new Map(
  readFileSync(join(repository, 'test/docs/temporal-workflow-exports.txt'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [name: string, kind: string]),
)
const namesOf = (kind: string): string[] =>
  [...temporal].filter(([, of]) => of === kind).map(([name]) => name)

const values = rowsOf('Exports of `@temporalio/workflow`')
const types = rowsOf('Types of `@temporalio/workflow`')
const besides = rowsOf('What `signalbox/workflow` has besides')
const ours = new Set(exportedNames())
const missing = new Set(Object.keys(absent))

interface Row {
  readonly name: string
  readonly here: string
  readonly note: string
}

/** The rows of the table under a heading. */
function rowsOf(heading: string): Row[] {
  const section = page.split('\n## ').find((part) => part.startsWith(`${heading}\n`))
  expect(section, `the page has a section "${heading}"`).toBeDefined()
  return [...(section ?? '').matchAll(/^\| `([^`]+)` +\|([^|]*)\|(?:([^|]*)\|)?$/gm)].map(
    ([, name = '', here = '', note = '']) => ({ name, here: here.trim(), note: note.trim() }),
  )
}

/** What the source of `signalbox/workflow` exports, types included. */
function exportedNames(): string[] {
  const source = readFileSync(join(repository, 'actors/workflow/index.ts'), 'utf8')
  return [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((item) =>
        item
          .trim()
          .replace(/^type /, '')
          .replace(/^.* as /, ''),
      )
      .filter((name) => name !== ''),
  )
}

const sorted = (names: Iterable<string>): string[] =>
  [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
const namesWhere = (rows: readonly Row[], matches: (row: Row) => boolean): string[] =>
  sorted(rows.filter(matches).map(({ name }) => name))

describe('docs/compatibility.md', () => {
  test('is compared with what is really exported', () => {
    expect(temporal.size).toBeGreaterThan(150)
    for (const name of Object.keys(workflow)) expect(ours).toContain(name)
    expect(ours.size).toBeGreaterThan(Object.keys(workflow).length)
  })

  test('has a row for each export and each type of Temporal’s package, and one only', () => {
    expect(sorted(values.map(({ name }) => name))).toEqual(sorted(namesOf('value')))
    expect(sorted(types.map(({ name }) => name))).toEqual(sorted(namesOf('type')))
  })

  test('has a row for each export that Temporal’s package does not have', () => {
    const extra = [...ours].filter((name) => !temporal.has(name))
    expect(sorted(besides.map(({ name }) => name))).toEqual(sorted(extra))
    expect(besides.filter(({ here }) => here === '')).toEqual([])
  })

  test('uses its four words alone, and says why of what is different', () => {
    const words = ['same', 'beyond', 'different', 'absent']
    const rows = [...values, ...types]
    expect(rows.filter(({ here }) => !words.includes(here))).toEqual([])
    const unexplained = rows.filter(({ here, note }) => here === 'different' && note === '')
    expect(unexplained).toEqual([])
  })

  test('says absent of what throws by its name, and of nothing else', () => {
    // If this fails since you have built something: its row is no longer absent.
    const isAbsent = ({ here }: Row): boolean => here === 'absent'
    expect(namesWhere(values, isAbsent)).toEqual(sorted(missing))
    const notExported = values.filter(({ name }) => !(name in workflow))
    expect(notExported).toEqual([])
    expect(namesWhere(types, (row) => !isAbsent(row))).toEqual(
      sorted(namesOf('type').filter((name) => ours.has(name))),
    )
  })

  test.each(Object.entries(absent))('%s throws by its name when it is used', (name, value) => {
    expect(() => use(value)).toThrow(new RegExp(`^${name}\\b.* is not part of this version`))
  })

  test('the list is of the version that the page names', () => {
    const manifest = join(repository, 'test/temporal/package.json')
    expect(page).toContain('version\n1.24')
    if (!existsSync(manifest)) return
    expect(readFileSync(manifest, 'utf8')).toContain('"@temporalio/workflow": "1.24.')
  })
})

function use(value: unknown): unknown {
  if (typeof value !== 'function') return (value as Record<string, unknown>)['anything']
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    const made: unknown = new (value as new () => object)()
    return (made as { getStore(): unknown }).getStore()
  }
  return (value as () => unknown)()
}
