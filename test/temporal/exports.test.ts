import { readdirSync, readFileSync } from 'node:fs'
import * as sdk from '@temporalio/workflow'
import { expect, test } from 'vitest'

/** What signalbox says by name that it does not have; docs/compatibility.md has the reasons. */
const absent = new URL('../../actors/workflow/unavailable.ts', import.meta.url)
const workflows = new URL('./workflows/', import.meta.url)

test('every export of the SDK that signalbox has is used by a workflow that the SDK replays', () => {
  const unavailable = readFileSync(absent, 'utf8')
  const files = readdirSync(workflows).filter((file) => file !== 'mistakes.ts')
  const sources = files.map((file) => readFileSync(new URL(file, workflows), 'utf8')).join('\n')
  const names = Object.keys(sdk)
  expect(names.length).toBeGreaterThan(70)
  const isIn = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text)
  const unused = names.filter((name) => !isIn(sources, name) && !isIn(unavailable, name))
  expect(unused).toEqual([])
})

test('at least sixty workflows are replayed', () => {
  const scenarios = ['scenarios.ts', 'answering-scenarios.ts']
    .map((file) => readFileSync(new URL(`./fixtures/${file}`, import.meta.url), 'utf8'))
    .join('\n')
  const types = new Set([...scenarios.matchAll(/type: '(\w+)'/g)].map(([, type]) => type))
  expect(types.size).toBeGreaterThanOrEqual(60)
})
