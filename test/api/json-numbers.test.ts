import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { lossyNumberAt } from '../../api/json-numbers.ts'

it.each([
  ['9007199254740993', 0],
  ['-9007199254740993', 0],
  ['{"a":"9007199254740993","b":[1,9007199254740993]}', 31],
  ['["\\"1e999", 1e400]', 12],
  ['-1E+309', 0],
  ['[0.1e-400]', 1],
])('finds the number that changes in %s', (json, at) => {
  expect(lossyNumberAt(json)).toBe(at)
})

it.each([
  '9007199254740992',
  '1e308',
  '0.12345678901234567890',
  '0e-999',
  '"1e999"',
  '{"1e999":1}',
])('leaves %s alone', (json) => {
  expect(lossyNumberAt(json)).toBeUndefined()
})

it('finds no number in what JSON.stringify has written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => lossyNumberAt(JSON.stringify(value)) === undefined),
  )
})

it('finds every whole number that a double does not have', () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.jsonValue(), (whole, before) => {
      const json = `[${JSON.stringify(before)},${whole}]`
      const value = Number(whole)
      const changes = BigInt(value) !== whole && String(value) !== String(whole)
      return (lossyNumberAt(json) !== undefined) === changes
    }),
  )
})
