import { endOfString } from './json-text.ts'

/** What any number that JSON.parse cannot keep has: sixteen digits in a row, or an exponent of three. */
const suspicious = /\d(?:\d{15}|[eE][+-]?\d{3})/
const number = /-?(\d+)(\.\d+)?([eE][+-]?\d+)?/y

export const sendAsText =
  'send it as a string, or as a payload in long form, whose data are its digits in base64'

/**
 * Where the first number is that JSON.parse would make another one of: a whole number beyond 2^53 that
 * changes, one that is too large and becomes Infinity (null, when it is written again), or one that is so
 * small that it becomes 0. A fraction that is rounded to 17 digits is none. Undefined if there is none.
 *
 * @param text valid JSON
 */
export function lossyNumberAt(text: string): number | undefined {
  // One fast look at all: nearly every text ends here.
  if (!suspicious.test(text)) return undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(text, at) - 1
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      number.lastIndex = at
      const [written = '', digits = '', fraction, exponent] = number.exec(text) ?? []
      if (isLossy(written, digits, fraction, exponent)) return at
      at += written.length - 1
    }
  }
  return undefined
}

function isLossy(
  written: string,
  digits: string,
  fraction: string | undefined,
  exponent: string | undefined,
): boolean {
  const value = Number(written)
  if (!Number.isFinite(value)) return true
  if (fraction === undefined && exponent === undefined) {
    // JavaScript writes 2^60 with the least digits that are read as 2^60: no change either.
    return digits.length >= 16 && BigInt(written) !== BigInt(value) && String(value) !== written
  }
  return value === 0 && /[1-9]/.test(digits + (fraction ?? ''))
}
