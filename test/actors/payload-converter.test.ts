import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fromPayload,
  fromPayloadMap,
  fromPayloads,
  toPayload,
  toPayloadMap,
  toPayloads,
} from '../../actors/payload-converter.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('payloads', () => {
  it('hold what JSON holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fromPayload(toPayload(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('hold undefined and bytes besides', () => {
    expect(toPayload(undefined)).toBeNull()
    expect(fromPayload(null)).toBeUndefined()
    expect(fromPayload(toPayload(new Uint8Array([1, 2])))).toEqual(new Uint8Array([1, 2]))
    expect(fromPayloads(toPayloads([1, undefined, 'x']))).toEqual([1, undefined, 'x'])
    expect(fromPayloadMap(toPayloadMap({ a: 1, b: undefined }))).toEqual({ a: 1, b: undefined })
    expect(toPayload(null)).toBe('null')
  })

  it('with metadata of their own are read by their encoding', () => {
    const encoded = (encoding: string, data: string) =>
      fromPayload({ metadata: { encoding: bytes(encoding), extra: bytes('x') }, data: bytes(data) })
    expect(encoded('json/plain', '{"a":"ä"}')).toEqual({ a: 'ä' })
    expect(encoded('binary/plain', 'ab')).toEqual(bytes('ab'))
    expect(encoded('binary/null', '')).toBeUndefined()
    expect(() => encoded('json/secret', '{}')).toThrow('Unknown encoding: json/secret')
    expect(() => fromPayload({ metadata: {}, data: bytes('') })).toThrow('Unknown encoding: ')
  })

  it.each([[() => 1], [Symbol('s')], [1n], [Object.assign({}, { toJSON: () => undefined })]])(
    'cannot hold %s',
    (value) => {
      expect(() => toPayload(value)).toThrow(
        expect.objectContaining({
          name: 'ValueError',
          message: expect.stringMatching(/^Unable to convert .* to payload/s),
        }),
      )
    },
  )

  it('of broken JSON say so', () => {
    expect(() => fromPayload('{')).toThrow(
      expect.objectContaining({ name: 'PayloadConverterError' }),
    )
  })
})
