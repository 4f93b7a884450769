import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Payload } from '../../actors/payload.ts'
import { writeJson } from '../../api/json-text.ts'
import {
  decodePayload,
  decodePayloadMap,
  decodePayloads,
  encodePayload,
  encodePayloadMap,
  encodePayloads,
  shortenPayloads,
} from '../../api/payload-json.ts'
import { SignalboxError } from '../../runtime/errors.ts'

const b64 = (text: string) => Buffer.from(text).toString('base64')
const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const throughJson = (value: unknown): unknown => JSON.parse(writeJson(value))

/** Payload text as JSON.stringify writes it; null is read back as undefined, as in Temporal. */
const jsonPayload = fc
  .jsonValue()
  .filter((value) => value !== null)
  .map((value) => JSON.stringify(value))
const anyBytes = fc.uint8Array({ maxLength: 40 })
const metadataName = fc.stringMatching(/^[a-zA-Z][a-zA-Z-]{0,15}$/)
const encodedPayload = fc.record({
  metadata: fc
    .tuple(fc.dictionary(metadataName, anyBytes, { maxKeys: 3 }), fc.stringMatching(/^[\w/]+$/))
    .map(([rest, encoding]) => ({
      ...rest,
      encoding: bytes(`custom/${encoding}`.slice(0, 200)),
    })),
  data: anyBytes,
})
const protobufPayload = fc
  .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.stringMatching(/^[\w.]{1,30}$/))
  .map(([message, type]) => ({
    metadata: { encoding: bytes('json/protobuf'), messageType: bytes(type) },
    data: bytes(JSON.stringify(message)),
  }))
const anyPayload: fc.Arbitrary<Payload> = fc.oneof(
  jsonPayload,
  fc.constant(null),
  anyBytes,
  encodedPayload,
  protobufPayload,
)

describe('payloads in JSON', () => {
  it('come back as they were, in shorthand and in long form', () => {
    fc.assert(
      fc.property(fc.array(anyPayload, { maxLength: 5 }), fc.boolean(), (payloads, shorthand) => {
        const written = throughJson(encodePayloads(payloads, shorthand))
        expect(decodePayloads(written, 'input')).toEqual(payloads)
      }),
      { numRuns: 500 },
    )
  })

  it('come back as they were in maps', () => {
    const names = fc.string().filter((name) => name !== '__proto__')
    fc.assert(
      fc.property(
        fc.dictionary(names, anyPayload, { minKeys: 1 }),
        fc.boolean(),
        (map, shorthand) => {
          const written = throughJson(encodePayloadMap(map, shorthand))
          expect(decodePayloadMap(written, 'memo.fields')).toEqual({ ...map })
        },
      ),
    )
  })

  it('stay the same when a history message is shortened', () => {
    fc.assert(
      fc.property(fc.array(anyPayload, { minLength: 1, maxLength: 4 }), (payloads) => {
        const event = { eventId: '1', attributes: { input: encodePayloads(payloads, false) } }
        const input = throughJson(encodePayloads(payloads, true))
        expect(throughJson(shortenPayloads(throughJson(event)))).toEqual({
          eventId: '1',
          attributes: { input },
        })
      }),
    )
  })

  it('never fail but with an error that names the field', () => {
    const hostile = fc.oneof(
      fc.jsonValue(),
      fc.record({ metadata: fc.jsonValue(), data: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({ payloads: fc.jsonValue() }),
      fc.record({ _protoMessageType: fc.jsonValue() }),
      fc.record({
        metadata: fc.record({ encoding: fc.constant(b64('json/plain')) }),
        data: fc.base64String(),
      }),
    )
    fc.assert(
      fc.property(fc.oneof(hostile, fc.array(hostile)), (value) => {
        try {
          const decoded = decodePayloads(value, 'input')
          writeJson(encodePayloads(decoded, true))
        } catch (error) {
          if (!(error instanceof SignalboxError)) throw error
          expect(error.message).toMatch(/^input/)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('shorthand in', () => {
  it.each<[name: string, value: unknown, payload: Payload]>([
    ['a value', { a: [1, 'x'] }, '{"a":[1,"x"]}'],
    ['a string', 'x', '"x"'],
    ['null', null, null],
    ['a null payload', { metadata: { encoding: 'YmluYXJ5L251bGw=' } }, null],
    [
      'JSON in long form, kept as it was written',
      { metadata: { encoding: b64('json/plain') }, data: b64('{ "a": 1.0 }') },
      '{ "a": 1.0 }',
    ],
    [
      'bytes',
      {
        metadata: { encoding: b64('binary/plain') },
        data: Buffer.from([0, 255]).toString('base64'),
      },
      new Uint8Array([0, 255]),
    ],
    [
      'an encoding of its own',
      { metadata: { encoding: b64('binary/encrypted'), key: b64('k1') }, data: b64('x') },
      { metadata: { encoding: bytes('binary/encrypted'), key: bytes('k1') }, data: bytes('x') },
    ],
    [
      'a protobuf message',
      { _protoMessageType: 'acme.Order', id: '7' },
      {
        metadata: { encoding: bytes('json/protobuf'), messageType: bytes('acme.Order') },
        data: bytes('{"id":"7"}'),
      },
    ],
    [
      'an object that only resembles a payload',
      { metadata: { encoding: 'utf8' }, data: 'hello' },
      '{"metadata":{"encoding":"utf8"},"data":"hello"}',
    ],
    [
      'a payload with a field too many',
      { metadata: { encoding: b64('json/plain') }, data: b64('1'), more: 1 },
      `{"metadata":{"encoding":"${b64('json/plain')}"},"data":"${b64('1')}","more":1}`,
    ],
  ])('%s', (_name, value, payload) => {
    expect(decodePayload(value, 'input')).toEqual(payload)
  })

  it('refuses bytes that say they are JSON and are not', () => {
    const value = [{ metadata: { encoding: b64('json/plain') }, data: b64('{"a":') }]
    expect(() => decodePayloads(value, 'input')).toThrow(/^input.data is not valid JSON/)
  })

  it('refuses a list that is neither array nor payloads', () => {
    expect(() => decodePayloads('x', 'input')).toThrow(/^input must be an array/)
    expect(() => decodePayloads({ payloads: [1] }, 'input')).toThrow(/^input.payloads\[0\] must/)
    expect(() => decodePayloads({ payloads: [], more: 1 }, 'input')).toThrow(/^input must be/)
  })

  it('refuses a map with a field that would become a prototype', () => {
    const fields: unknown = JSON.parse('{"__proto__": 1}')
    expect(() => decodePayloadMap(fields, 'memo.fields')).toThrow(/__proto__/)
  })
})

describe('shorthand out', () => {
  it('passes JSON through as it is, large numbers included', () => {
    expect(writeJson(encodePayloads(['[12345678901234567890, 1.10]', '"x"'], true))).toBe(
      '[[12345678901234567890, 1.10],"x"]',
    )
  })

  it('writes null payloads as Temporal does', () => {
    expect(throughJson(encodePayloads([null], true))).toEqual([
      { metadata: { encoding: 'YmluYXJ5L251bGw=' } },
    ])
  })

  it('takes the long form for the whole list if one payload has no shorthand', () => {
    expect(throughJson(encodePayloads(['1', new Uint8Array([1])], true))).toEqual({
      payloads: [
        { metadata: { encoding: b64('json/plain') }, data: b64('1') },
        { metadata: { encoding: b64('binary/plain') }, data: 'AQ==' },
      ],
    })
  })

  it('takes the long form for JSON that a reader would take for a payload', () => {
    const tricky = `{"met\\u0061data":{"encoding":"${b64('json/plain')}"},"data":"MQ=="}`
    const written = throughJson(encodePayload(tricky, true))
    expect(written).toEqual({ metadata: { encoding: b64('json/plain') }, data: b64(tricky) })
    expect(decodePayload(written, 'input')).toBe(tricky)
  })
})
