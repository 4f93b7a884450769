import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { statusAnswer } from '../../api/rpc-status.ts'
import * as clientErrors from '../../runtime/client-errors.ts'
import { type ErrorCode, errorTable, SignalboxError } from '../../runtime/errors.ts'
import { readDocument, repository, tableRows } from './markdown.ts'

const page = readDocument('docs/errors.md')
const codes = Object.keys(errorTable) as ErrorCode[]

describe('docs/errors.md', () => {
  const rows = tableRows(page, /^SIGNALBOX_ERR_/)

  test('has every code, and no other', () => {
    expect([...rows.keys()]).toEqual(codes)
  })

  test.each(codes)('%s has the status, HTTP status and meaning of the code', (code) => {
    const [status, meaning] = errorTable[code]
    const [shownStatus, shownHttp, shownMeaning, advice] = rows.get(code) ?? []
    const { http } = statusAnswer(new SignalboxError(code, 'as documented'), 'request')
    expect([shownStatus, shownHttp, shownMeaning]).toEqual([status, String(http), meaning])
    expect(advice).toMatch(/^[A-Z`].+\.$/)
  })

  test('has every class of clients with its code', () => {
    const classes = tableRows(page, /^(Workflow|Query|Activity)\w+Error$/)
    expect([...classes.keys()].sort()).toEqual(Object.keys(clientErrors).sort())
    const source = readFileSync(join(repository, 'runtime/client-errors.ts'), 'utf8')
    for (const [name, [code]] of classes) {
      const body = source.slice(source.indexOf(`export class ${name} `))
      const raised = /super\(\s*'(SIGNALBOX_ERR_\w+)'/.exec(body)?.[1]
      expect(code, name).toBe(`\`${raised}\``)
    }
  })
})

describe('the table of codes', () => {
  const sources = ['runtime', 'api', 'actors']
    .flatMap((room) =>
      readdirSync(join(repository, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && join(room, name) !== 'runtime/errors.ts')
        .map((name) => readFileSync(join(repository, room, name), 'utf8').replace(/case '.*/g, '')),
    )
    .join('\n')

  test.each(codes)('%s is raised somewhere', (code) => {
    // As a string in code; in comments codes stand without quotes.
    expect(sources).toContain(`'${code}'`)
  })

  test('has every code that is raised or documented', () => {
    const known: ReadonlySet<string> = new Set(codes)
    const documents = ['README.md', 'docs/guarantees.md', 'docs/http-api.md', 'docs/cli.md']
    const text = [sources, page, ...documents.map(readDocument)].join('\n')
    const unknown = [...text.matchAll(/SIGNALBOX_ERR_\w+/g)].filter(([code]) => !known.has(code))
    expect(unknown.map(([code]) => code)).toEqual([])
  })
})
