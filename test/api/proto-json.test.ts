import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatEnum,
  idReusePolicy,
  parseEnum,
  pascalName,
  retryState,
  workflowStatus,
} from '../../api/enum-json.ts'
import { parseJson, parseJsonBody } from '../../api/json-body.ts'
import { JsonText, indentJson, writeJson } from '../../api/json-text.ts'
import {
  formatDuration,
  formatTimestamp,
  parseDuration,
  parseTimeout,
} from '../../api/time-json.ts'

describe('durations', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (ms) => {
        fc.pre(ms <= 315_576_000_000_000)
        expect(parseDuration(formatDuration(ms), 'timeout')).toBe(ms)
      }),
    )
  })

  it.each([
    ['10s', 10_000],
    ['1.5s', 1500],
    ['0.000000001s', 1],
    ['-0s', 0],
    ['3.000000000s', 3000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text, 'timeout')).toBe(ms)
  })

  it.each([
    '10',
    's',
    '1m',
    '1e3s',
    '-1s',
    '-0.5s',
    ' 1s',
    '1.s',
    '315576000001s',
    '9'.repeat(400),
  ])('refuses %s', (text) => {
    expect(() => parseDuration(text, 'timeout')).toThrow(/^timeout /)
  })

  it('of zero are timeouts that are not set', () => {
    expect(parseTimeout('0s', 'timeout')).toBeUndefined()
    expect(parseTimeout(undefined, 'timeout')).toBeUndefined()
  })
})

describe('timestamps', () => {
  it('are RFC 3339, with a fraction only where there is one', () => {
    expect(formatTimestamp(0)).toBe('1970-01-01T00:00:00Z')
    expect(formatTimestamp(1250)).toBe('1970-01-01T00:00:01.250Z')
  })
})

describe('enums', () => {
  it('are read by number, by full and short name, and in Pascal case', () => {
    for (const type of [idReusePolicy, workflowStatus, retryState]) {
      type.names.forEach((name: string, index) => {
        const full = `${type.prefix}_${name}`
        for (const value of [index + 1, String(index + 1), name, full, pascalName(name)]) {
          expect(parseEnum<string>(type, value, 'field')).toBe(name)
        }
        expect(parseEnum<string>(type, pascalName(full), 'field')).toBe(name)
        expect(formatEnum<string>(type, name)).toBe(full)
      })
    }
  })

  it.each([0, '0', 'WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED', 'Unspecified', undefined])(
    '%s is not set',
    (value) => {
      expect(parseEnum(idReusePolicy, value, 'field')).toBeUndefined()
    },
  )

  it('refuse anything else', () => {
    const other = fc.oneof(
      fc.string(),
      fc.integer({ min: 5 }),
      fc.integer({ max: -1 }),
      fc.double(),
    )
    fc.assert(
      fc.property(other, (value) => {
        fc.pre(value !== '' && !/^[0-4]$/.test(String(value)) && Math.abs(Number(value)) > 4)
        expect(() => parseEnum(idReusePolicy, value, 'policy')).toThrow(/^policy must be one of/)
      }),
    )
    for (const value of ['', 'allow duplicate', 'toString', '__proto__', 2.5]) {
      expect(() => parseEnum(idReusePolicy, value, 'policy')).toThrow(/^policy must be one of/)
    }
  })
})

describe('request bodies', () => {
  const nested = (depth: number) => Buffer.from('['.repeat(depth) + ']'.repeat(depth))

  it('are parsed up to the depth', () => {
    expect(parseJsonBody(nested(64), 64)).toBeDefined()
    expect(() => parseJsonBody(nested(65), 64)).toThrow(/nested more than 64 levels/)
    expect(() => parseJsonBody(nested(1_000_000), 64)).toThrow(/nested more than 64 levels/)
    expect(() => parseJsonBody(Buffer.from('{"a":'.repeat(100_000)), 64)).toThrow(/nested more/)
  })

  it('may have brackets in strings', () => {
    const text = JSON.stringify({ a: `${'['.repeat(500)}"\\`, b: '{{{"[' })
    expect(parseJson(text, 8)).toEqual(JSON.parse(text))
  })

  it('that are empty are an empty object', () => {
    expect(parseJsonBody(Buffer.alloc(0), 64)).toEqual({})
  })

  it('that are not JSON are refused without quoting them', () => {
    for (const text of ['{', '{"secret":"x"', 'secret', '{"a":1}}', 'NaN', "{'secret':1}"]) {
      expect(() => parseJson(text, 64)).toThrow(/^the body is not valid JSON: (?!.*secret)/)
    }
  })

  it.each([
    ['{"input":[1]', 'it ends too early'],
    ['{"input":[1]  \n', 'it ends too early'],
    ['{"input":[', 'it ends too early'],
    ['{"input":["tex', 'it ends too early'],
    ['{"input":["tex\\', 'it ends too early'],
    ['{"input":tru', 'it ends too early'],
    ['{', 'it ends too early'],
    ['garbage', 'unexpected character'],
    ['{"input":[abc]}', 'unexpected character'],
    ['[1,]', 'unexpected character'],
    ['{"input" 1}', 'unexpected character at position 9'],
    ['{"input":[1]} x', 'unexpected character at position 14'],
    // What V8 quotes of the body says nothing about the place.
    ['x at position 3', 'unexpected character'],
    ['Unexpected end of JSON input', 'unexpected character'],
  ])('that are not JSON say why: %s', (text, reason) => {
    const because = `is not valid JSON: ${reason}`
    expect(() => parseJson(text, 64)).toThrow(
      expect.objectContaining({ message: `the body ${because}` }),
    )
    expect(() => parseJson(text, 64, 'the line')).toThrow(
      expect.objectContaining({ message: `the line ${because}` }),
    )
  })

  it('that are not UTF-8 are refused instead of changed', () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    expect(() => parseJsonBody(body, 64)).toThrow(/not valid UTF-8/)
  })
})

describe('answers', () => {
  it('are written as JSON.stringify writes them', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(writeJson(value)).toBe(JSON.stringify(value))
      }),
    )
    expect(writeJson({ a: undefined, b: new JsonText('1.0'), c: [] })).toBe('{"b":1.0,"c":[]}')
  })

  it('are indented without a change to what they say', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(indentJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2))
        expect(indentJson(JSON.stringify(value, null, 3))).toBe(JSON.stringify(value, null, 2))
      }),
    )
    expect(indentJson('[12345678901234567890]')).toBe('[\n  12345678901234567890\n]')
  })
})
