import { SignalboxError } from './errors.ts'

export interface VisibilityToken {
  readonly kind: 'word' | 'text' | 'number' | 'symbol' | 'end'
  /** A word between backticks is a name, whatever it says. */
  readonly isQuoted?: boolean
  /** Of a text: what the quotes enclose, without escapes. */
  readonly text: string
  /** Where it begins, in characters from 0. */
  readonly at: number
}

const SPACE = /\s+/y
const WORD = /[A-Za-z_][A-Za-z0-9_]*|`[^`]*`/y
const NUMBER = /[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SYMBOL = /<=|>=|!=|<>|[=<>(),]/y

/**
 * The words, texts, numbers and symbols of a list filter.
 *
 * Texts stand in single or double quotes; a backslash takes the next character as it is, and a
 * doubled quote stands for one. Backticks enclose a name.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT for anything else
 */
export function readVisibilityTokens(query: string): VisibilityToken[] {
  const tokens: VisibilityToken[] = []
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(query)?.[0]
  }
  while (at < query.length) {
    const space = match(SPACE)
    if (space !== undefined) {
      at += space.length
      continue
    }
    const first = query.charAt(at)
    if (first === "'" || first === '"') {
      const [text, end] = readText(query, at, first)
      tokens.push({ kind: 'text', text, at })
      at = end
      continue
    }
    const word = match(WORD)
    const number = word === undefined ? match(NUMBER) : undefined
    const text = word ?? number ?? match(SYMBOL)
    if (text === undefined) throw visibilityError(`found "${first}"`, at)
    const kind = word !== undefined ? 'word' : number !== undefined ? 'number' : 'symbol'
    tokens.push(
      first === '`' ? { kind, text: text.slice(1, -1), at, isQuoted: true } : { kind, text, at },
    )
    at += text.length
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

function readText(query: string, start: number, quote: string): [text: string, end: number] {
  let text = ''
  let at = start + 1
  for (; at < query.length; at++) {
    const character = query.charAt(at)
    if (character === '\\' && at + 1 < query.length) text += query.charAt(++at)
    else if (character !== quote) text += character
    else if (query.charAt(at + 1) === quote) text += query.charAt(++at)
    else return [text, at + 1]
  }
  throw visibilityError(`the text is not closed: expected ${quote}`, start)
}

/** An error that names the place in the filter, counted from 1. */
export function visibilityError(problem: string, at: number): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    `invalid query: ${problem} at position ${at + 1}`,
    { fields: { field: 'query', position: at + 1 } },
  )
}
