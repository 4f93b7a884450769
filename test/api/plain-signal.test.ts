import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBatchRequest } from '../../api/batch-request.ts'
import { parseJson } from '../../api/json-body.ts'
import { type PlainSignal, readPlainSignal } from '../../api/plain-signal.ts'

const maxDepth = 8

function readPlain(line: string, depth = maxDepth): PlainSignal | undefined {
  return readPlainSignal(line, 0, line.length, depth)
}

/** The general way. */
function read(line: string, depth = maxDepth): PlainSignal {
  const { starts, request } = decodeBatchRequest(parseJson(line, depth), {
    namespace: 'default',
    requestId: undefined,
    wait: { waitFor: undefined },
    trace: undefined,
  })
  if (starts) throw new Error('it starts a workflow')
  const { workflowId, signalName, args } = request
  return { workflowId, signalName, args: args as PlainSignal['args'] }
}

const name = fc.string({ minLength: 1, unit: 'grapheme' })
const signal = fc.record({
  workflowId: name,
  signalName: name,
  input: fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 3 }),
})

describe('a signal in its usual form', () => {
  it('keeps the text of its arguments', () => {
    const input = [1, -2.5, 0, 1e21, 1e-7, 'two', '', 'ü€😀', true, false, null, [], {}]
    const nested = [[[1, 'x'], { a: { b: [null, { c: 0.5 }] }, '': '' }]]
    for (const args of [[], input, nested]) {
      const line = JSON.stringify({ workflowId: 'w/1', signalName: 'add', input: args })
      expect(readPlain(line)).toEqual({
        workflowId: 'w/1',
        signalName: 'add',
        args: args.map((arg) => (arg === null ? null : JSON.stringify(arg))),
      })
      expect(read(line)).toEqual(readPlain(line))
    }
  })

  it('may have its fields in any order, and no arguments', () => {
    expect(readPlain('{"input":["x"],"signalName":"s","workflowId":"w"}')).toEqual({
      workflowId: 'w',
      signalName: 's',
      args: ['"x"'],
    })
    expect(readPlain('{"signalName":"s","workflowId":"w"}')?.args).toEqual([])
  })

  it('is found inside a longer text', () => {
    const line = '{"workflowId":"w","signalName":"s","input":[1]}'
    const text = `${line}\n${line}\n`
    const read = { workflowId: 'w', signalName: 's', args: ['1'] }
    expect(readPlainSignal(text, 0, line.length, maxDepth)).toEqual(read)
    expect(readPlainSignal(text, line.length + 1, 2 * line.length + 1, maxDepth)).toEqual(read)
    expect(readPlainSignal(text, 0, line.length - 1, maxDepth)).toBeUndefined()
    expect(readPlainSignal(text, 0, line.length + 1, maxDepth)).toBeUndefined()
  })
})

describe('anything else is left to the general way', () => {
  const start = '{"workflowId":"w","signalName":"s","input":['
  const manyKeys = Array.from({ length: 1_000 }, (_, n) => [`key${n}`, n])
  it.each([
    ['white space', '{"workflowId": "w","signalName":"s"}'],
    ['an escape', '{"workflowId":"\\u0077","signalName":"s"}'],
    ['an escaped argument', `${start}"a\\nb"]}`],
    ['an empty id', '{"workflowId":"","signalName":"s"}'],
    ['no id', '{"signalName":"s"}'],
    ['no name', '{"workflowId":"w"}'],
    ['no fields', '{}'],
    ['a field twice', '{"workflowId":"w","signalName":"s","workflowId":"v"}'],
    ['another field', '{"workflowId":"w","signalName":"s","requestId":"r"}'],
    ['a start', '{"workflowId":"w","workflowType":{"name":"t"},"signalName":"s"}'],
    ['arguments in long form', '{"workflowId":"w","signalName":"s","input":{"payloads":[]}}'],
    [
      'a payload in long form',
      `${start}{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"MQ=="}]}`,
    ],
    ['a protobuf message', `${start}{"a":1,"_protoMessageType":"m"}]}`],
    ['a key twice', `${start}{"a":1,"b":2,"a":3}]}`],
    ['a key twice, further in', `${start}{"a":{"b":[{"c":1,"c":2}]}}]}`],
    ['very many keys', `${start}${JSON.stringify(Object.fromEntries(manyKeys))}]}`],
    ['keys that JavaScript sorts', `${start}{"b":1,"2":1,"1":1}]}`],
    ['a number with a zero too many', `${start}1.50]}`],
    ['minus zero', `${start}-0]}`],
    ['a number that would change', `${start}12345678901234567890]}`],
    ['a number that would be infinite', `${start}1e400]}`],
    ['a control character', `${start}"a\tb"]}`],
    ['arguments that go on behind their end', `${start}1]]}`],
    ['arguments without their end', `${start}1}`],
    ['a comma and nothing behind it', `${start}1,]}`],
    ['nothing before a comma', `${start},1]}`],
    ['an octal number', `${start}010]}`],
    ['half a word', `${start}tru]}`],
    ['a word and a half', `${start}nullnull]}`],
    ['two values', `${start}1]}{}`],
    ['an array', '["workflowId"]'],
    ['a text without an end', '{"workflowId":"w'],
    ['nothing', ''],
  ])('%s', (_what, line) => {
    expect(readPlain(line)).toBeUndefined()
  })

  it('what is nested too deeply, at the depth that the general way refuses', () => {
    const lineOf = (depth: number): string => {
      const brackets = ['['.repeat(depth - 2), ']'.repeat(depth - 2)]
      return `${start}"${'x'.repeat(100)}",${brackets.join('')}]}`
    }
    for (let depth = 3; depth < 20; depth++) {
      expect(readPlain(lineOf(depth), depth)).toEqual(read(lineOf(depth), depth))
      expect(readPlain(lineOf(depth), depth - 1)).toBeUndefined()
      expect(() => read(lineOf(depth), depth - 1)).toThrow('levels deep')
    }
    expect(readPlain('{"workflowId":"w","signalName":"s"}', 1)).toBeUndefined()
    // However deep the limit lets it be: what recurses would end in a stack overflow.
    expect(readPlain(lineOf(64), 20_000)).toBeDefined()
    expect(readPlain(lineOf(65), 20_000)).toBeUndefined()
    expect(readPlain(lineOf(9_000), 20_000)).toBeUndefined()
  })
})

describe('whatever is read', () => {
  it('the general way reads as the same', () => {
    let plain = 0
    fc.assert(
      fc.property(signal, fc.boolean(), (given, reversed) => {
        const fields = Object.entries(given)
        const line = JSON.stringify(Object.fromEntries(reversed ? fields.reverse() : fields))
        const signal = readPlain(line)
        if (signal === undefined) return
        plain++
        expect(signal).toEqual(read(line))
      }),
      { numRuns: 2_000 },
    )
    // Most of them are in the usual form: if none were, nothing would have been compared.
    expect(plain).toBeGreaterThan(200)
  })

  it('the general way reads as the same, of texts that are nearly JSON', () => {
    const pieces = [
      '"',
      '\\',
      ',',
      ':',
      '[',
      ']',
      '{',
      '}',
      '0',
      '9',
      '-',
      '.',
      'e',
      'null',
      ' ',
      '\n',
    ]
    const edit = fc.record({
      at: fc.nat(),
      removed: fc.nat({ max: 2 }),
      added: fc.oneof(fc.constantFrom('', ...pieces), fc.string({ maxLength: 2 })),
    })
    fc.assert(
      fc.property(signal, fc.array(edit, { minLength: 1, maxLength: 3 }), (given, edits) => {
        // Half a surrogate pair cannot come out of UTF-8.
        const characters = Array.from(JSON.stringify(given))
        for (const { at, removed, added } of edits) {
          characters.splice(at % (characters.length + 1), removed, ...Array.from(added))
        }
        const line = characters.join('')
        const signal = readPlain(line)
        if (signal !== undefined) expect(signal).toEqual(read(line))
      }),
      { numRuns: 20_000 },
    )
  })
})
