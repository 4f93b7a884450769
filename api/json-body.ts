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
 */
export function parseJsonBody(bytes: Buffer, maxDepth: number): unknown {
  if (bytes.length === 0) return {}
  // Decoding would replace broken sequences without a word, and the payload would be another.
  if (!isUtf8(bytes)) throw invalidField('', 'the body is not valid UTF-8')
  return parseJson(bytes.toString('utf8'), maxDepth)
}

/** Parse JSON text that came from outside, as {@link parseJsonBody} does. */
export function parseJson(text: string, maxDepth: number): unknown {
  if (isDeeperThan(text, maxDepth)) {
    throw invalidField('', `the JSON is nested more than ${maxDepth} levels deep`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalidField('', `the body is not valid JSON: ${reason(error)}`)
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

/** V8's reason without the excerpt of the body that it appends: payloads do not go to logs. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  const position = /at position \d+/.exec(message)
  return position === null ? 'it ends too early' : `unexpected character ${position[0]}`
}
