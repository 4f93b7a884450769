import { expect, test } from 'vitest'
import { defaultServerLimits } from '../../api/api-limits.ts'
import { readDocument, tableRows } from './markdown.ts'

const page = readDocument('docs/http-api.md')

test('docs/http-api.md has every limit and its default', () => {
  const rows = tableRows(page.slice(page.indexOf('## Limits')), /^[a-z]\w+$/)
  expect([...rows.keys()].sort()).toEqual(Object.keys(defaultServerLimits).sort())
  for (const [name, [shown = '']] of rows) {
    const [, digits = '', unit = ''] = /^([\d,]+)( MiB)?$/.exec(shown) ?? []
    const value = Number(digits.replaceAll(',', '')) * (unit === '' ? 1 : 2 ** 20)
    expect(value, name).toBe(defaultServerLimits[name as keyof typeof defaultServerLimits])
  }
})
