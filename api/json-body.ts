import { isUtf8 } from 'node:buffer'
import { invalidField } from './invalid-field.ts'
import { lossyNumberAt, sendAsText } from './json-numbers.ts'
import { endOfString } from './json-text.ts'

/**
 * Parse a request body. The depth is checked on the text, before anything recurses over the value:
 * a body of brackets alone would otherwise end in a stack overflow. An empty body is `{}`.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for anything but UTF-8 JSON of `maxDepth`, and for
 *   numbers that would silently change
 * @param what is parsed, in messages
 */
export function parseJsonBody(bytes: Buffer, maxDepth: number, what = 'the body'): unknown {
  if (bytes.length === 0) return {}
  // Decoding would replace broken sequences without a word, and the payload would be another.
  if (!isUtf8(bytes)) throw invalidField('', `${what} is not valid UTF-8`)
  return parseJson(bytes.toString('utf8'), maxDepth, what)
}

/** Parse JSON text that came from outside, as {@link parseJsonBody} does. */
export function parseJson(text: string, maxDepth: number, what = 'the body'): unknown {
  if (isDeeperThan(text, maxDepth)) {
    throw invalidField('', `the JSON is nested more than ${maxDepth} levels deep`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalidField('', `${what} is not valid JSON: ${reason(error, text.length)}`)
  }
  const at = lossyNumberAt(text)
  if (at === undefined) return value
  throw invalidField('', `the number at position ${at} would become another one: ${sendAsText}`)
}

/** True if brackets outside strings nest deeper than `maxDepth`. Linear, without recursion. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  // Each level takes an opening and a closing character, so short texts need no look.
  if (text.length <= 2 * maxDepth) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(text, at) - 1
    } else if (code === 0x7b || code === 0x5b) {
      depth++
      if (depth > maxDepth) return true
    } else if (code === 0x7d || code === 0x5d) {
      depth--
    }
  }
  return false
}

/**
 * V8's reason without the excerpt of the body that it may append: payloads do not go to logs. It gives a
 * position for some errors alone, and for some at the end of the text, which is one that ends too early.
 */
function reason(error: unknown, length: number): string {
  const message = error instanceof Error ? error.message : ''
  // Node 22 tells line and column after it. At the end alone: an excerpt may say anything.
  const position = / at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message)?.[1]
  if (message.startsWith('Unexpected end of') || Number(position) >= length) {
    return 'it ends too early'
  }
  return position === undefined
    ? 'unexpected character'
    : `unexpected character at position ${position}`
}
