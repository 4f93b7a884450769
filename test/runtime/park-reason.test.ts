import { expect, test } from 'vitest'
import { ownFrame } from '../../runtime/own-frame.ts'
import { parkAdvice, parkReason } from '../../runtime/park-reason.ts'

test.each([
  ['of a function', '    at deep (/app/workflows.ts:5:34)', 'deep (/app/workflows.ts:5:34)'],
  ['of a module', '    at file:///app/workflows.ts:5:34', 'file:///app/workflows.ts:5:34'],
  ['after an await', '    at async deep (/app/a b.ts:5:34)', 'deep (/app/a b.ts:5:34)'],
])('the place %s is named', (_, line, place) => {
  expect(ownFrame(`TypeError: no\n${line}\n    at main (/app/workflows.ts:1:1)`)).toBe(place)
})

test('a place of the user comes before those of Node and of packages', () => {
  const library = '    at parse (/app/node_modules/zod/index.js:1:2)'
  const stack = [
    'Error: at noon (12:00:00)',
    '    at new Promise (<anonymous>)',
    '    at Array.map (<anonymous>)',
    '    at node:internal/timers:1:2',
    library,
    '    at run (/app/workflows.ts:7:3)',
  ]
  expect(ownFrame(stack.join('\n'))).toBe('run (/app/workflows.ts:7:3)')
  expect(ownFrame(library)).toBe('parse (/app/node_modules/zod/index.js:1:2)')
  expect(ownFrame('Error: no place')).toBeUndefined()
  expect(ownFrame(undefined)).toBeUndefined()
})

test.each(['process', 'Buffer', 'require', '__dirname', 'performance'])(
  'what Node has and workflows have not comes with advice: %s',
  (name) => {
    const reason = parkReason({ name: 'ReferenceError', message: `${name} is not defined` })
    expect(reason).toMatch(
      new RegExp(`^ReferenceError: ${name} is not defined: workflows have no ${name}, .*activity`),
    )
  },
)

test('other errors are told as they are', () => {
  const typo = { name: 'ReferenceError', message: 'procces is not defined' }
  expect(parkReason(typo)).toBe('ReferenceError: procces is not defined')
  expect(parkReason({ name: 'TypeError', message: 'process is not defined' })).toBe(
    'TypeError: process is not defined',
  )
})

test('code that does not fit its history is not told to throw something else', () => {
  expect(parkAdvice({ name: 'Error', message: '' })).toContain('ApplicationFailure')
  expect(parkAdvice({ name: 'Error', message: '', nonDeterministic: true })).not.toContain(
    'ApplicationFailure',
  )
})
