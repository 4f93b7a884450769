import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { EncodedInput, splitInputs } from '../../actors/encoded-inputs.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { decodeInputs, encode, encodeInputs } from '../../actors/records.ts'

/** Values of every size class and kind that a record may hold. */
const filled = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('a'.repeat(40), 'b'.repeat(300), 'ü'.repeat(40_000)),
)
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(filled(3), filled(300), filled(70_000)),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
}))
const signal = fc
  .tuple(
    fc.constantFrom(InputKind.signaled, InputKind.cancelRequested, InputKind.timerFired),
    fc.nat({ max: 2 ** 45 }),
    value,
    fc.option(value, { nil: undefined }),
    fc.option(value, { nil: undefined }),
  )
  // A tuple without its last fields is shorter.
  .map((fields) => fields.slice(0, lastGiven(fields) + 1) as unknown as Input)

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function lastGiven(fields: readonly unknown[]): number {
  return Math.max(
    1,
    fields.findLastIndex((field) => field !== undefined),
  )
}

test('a record falls into its inputs as they were written', () => {
  fc.assert(
    fc.property(fc.array(signal, { maxLength: 10 }), (inputs) => {
      const pieces = splitInputs(encodeInputs(inputs), inputs.length)
      expect(pieces.map(({ bytes }) => hexOf(bytes))).toEqual(inputs.map(encode).map(hexOf))
      expect(pieces.map(({ kind }) => kind)).toEqual(inputs.map(([kind]) => kind))
      expect(pieces.map(({ hasAttributes }) => hasAttributes)).toEqual(
        inputs.map(({ length }) => length > 4),
      )
    }),
  )
})

test('what moves from other records is read behind a start and before new inputs', () => {
  const start = [InputKind.started, 1, { args: [] }] as unknown as Input
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(signal, { maxLength: 6 }), fc.nat({ max: 63 })), { maxLength: 4 }),
      fc.array(signal, { maxLength: 3 }),
      fc.boolean(),
      (records, added, isFirst) => {
        // Of each record those move whose bit is set: neighbours and single ones.
        const moves = (index: number, mask: number): boolean => ((mask >> index) & 1) === 1
        const moved = records.flatMap(([inputs, mask]) =>
          splitInputs(encodeInputs(inputs), inputs.length).filter((_, i) => moves(i, mask)),
        )
        const expected = records.flatMap(([inputs, mask]) =>
          inputs.filter((_, i) => moves(i, mask)),
        )
        const first = isFirst ? [start] : []
        const record = encodeInputs([...first, ...moved, ...added])
        const length = first.length + expected.length + added.length
        const written = splitInputs(record, length).slice(first.length)
        expect(written.map(({ bytes }) => hexOf(bytes))).toEqual(
          [...expected, ...added].map(encode).map(hexOf),
        )
        expect(decodeInputs(record).length).toBe(length)
      },
    ),
  )
})

test.each([15, 16, 65_535, 65_536])('%i inputs of a record are found', (count) => {
  const inputs: Input[] = Array.from({ length: count }, (_, n) => [InputKind.timerFired, n, n])
  const pieces = splitInputs(encodeInputs(inputs), count)
  expect(pieces).toHaveLength(count)
  expect(decodeInputs(encodeInputs(pieces))).toEqual(inputs)
})

test('more or fewer inputs than the record was written with are refused', () => {
  const record = encodeInputs([
    [InputKind.timerFired, 1, 1],
    [InputKind.timerFired, 2, 2],
    [InputKind.timerFired, 3, 3],
  ])
  for (const count of [0, 2, 4]) expect(() => splitInputs(record, count)).toThrow('instead of')
  const damaged = Buffer.from(record)
  damaged[0] = 0x92
  expect(() => splitInputs(damaged, 2)).toThrow('more behind the last')
})

test('what ends too early, or is no record of inputs, is refused', () => {
  const record = encodeInputs([[InputKind.signaled, 1, 'add', [], { requestId: 'r' }]])
  for (let length = 0; length < record.length; length += 1) {
    expect(() => splitInputs(record.slice(0, length), 1), `${length} bytes`).toThrow(
      'record of inputs',
    )
  }
  const packr = new Packr()
  for (const other of [1, 'text', { a: 1 }, [1, 2], ['text']]) {
    expect(() => splitInputs(packr.pack(other), 2)).toThrow('record of inputs')
  }
  expect(() => new EncodedInput(new Uint8Array(0), 0, 0)).toThrow('record of inputs')
})
