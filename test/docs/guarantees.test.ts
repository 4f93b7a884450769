import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveOptions } from '../../runtime/options.ts'
import { readDocument, repository, tableRows } from './markdown.ts'

const page = readDocument('docs/guarantees.md')
const { limits } = resolveOptions({
  dataDir: 'nowhere',
  workflowBundle: { version: '', apiCode: '', workflowCode: '', sourceMap: '' },
})
/** These depend on the machine; the page says how. */
const ofTheMachine: readonly string[] = ['maxRssBytes', 'slotHeapMb']

test('the table of limits has every limit and its default', () => {
  const rows = tableRows(page.slice(page.indexOf('## Limits')), /^[a-z]\w+$/)
  expect([...rows.keys()].sort()).toEqual(Object.keys(limits).sort())
  for (const [name, [shown = '']] of rows) {
    if (ofTheMachine.includes(name)) continue
    const [, digits = '', unit = ''] = /^([\d,]+)( MiB)?$/.exec(shown) ?? []
    const value = Number(digits.replaceAll(',', '')) * (unit === '' ? 1 : 2 ** 20)
    expect(value, name).toBe(limits[name as keyof typeof limits])
  }
})

test('each guarantee has its tests', () => {
  const numbers = [...page.matchAll(/^\*\*(\d+)\. /gm)].map(([, number]) => Number(number))
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  const files = readdirSync(join(repository, 'test/contract'))
  for (const number of numbers) {
    const prefix = `${String(number).padStart(2, '0')}-`
    expect(
      files.filter((file) => file.startsWith(prefix) && file.endsWith('.test.ts')),
    ).not.toEqual([])
  }
})
