/**
 * JSON that is written as it came: the text of a payload, which must not be parsed and printed
 * again, since that would change large integers and cost the time twice.
 */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What {@link writeJson} writes. Fields that are undefined are left out. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonText
  | readonly JsonValue[]
  | { readonly [field: string]: JsonValue | undefined }

/** Like JSON.stringify for plain data, with {@link JsonText} written as it is. */
export function writeJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (value instanceof JsonText) return value.text
  if (Array.isArray(value)) return `[${value.map((item: unknown) => writeJson(item)).join(',')}]`
  let text = ''
  for (const [field, item] of Object.entries(value)) {
    if (item === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(field)}:${writeJson(item)}`
  }
  return `{${text}}`
}

const insignificant = /[\t\n\r ]/
const indentation = '  '

/**
 * The same JSON with a line for each field and element. Works on the text, so that numbers keep
 * their digits. `text` must be valid JSON.
 */
export function indentJson(text: string): string {
  let out = ''
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') {
      const end = endOfString(text, at)
      out += text.slice(at, end)
      at = end - 1
    } else if (char === '{' || char === '[') {
      const close = skipInsignificant(text, at + 1)
      if (text[close] === '}' || text[close] === ']') {
        out += char + text[close]
        at = close
      } else {
        depth++
        out += char + newLine(depth)
      }
    } else if (char === '}' || char === ']') {
      depth--
      out += newLine(depth) + char
    } else if (char === ',') {
      out += char + newLine(depth)
    } else if (char === ':') {
      out += ': '
    } else if (!insignificant.test(char)) {
      out += char
    }
  }
  return out
}

/** One past the closing quote of the string that starts at `at`. */
export function endOfString(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next++) {
    const code = text.charCodeAt(next)
    if (code === 0x5c) next++
    else if (code === 0x22) return next + 1
  }
  return text.length
}

function skipInsignificant(text: string, at: number): number {
  let next = at
  while (next < text.length && insignificant.test(text.charAt(next))) next++
  return next
}

function newLine(depth: number): string {
  return `\n${indentation.repeat(depth)}`
}
