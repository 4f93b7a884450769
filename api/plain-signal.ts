/** A signal whose arguments are payloads: the text that they came as, or null for null. */
export interface PlainSignal {
  readonly workflowId: string
  readonly signalName: string
  readonly args: readonly (string | null)[]
}

/** Whole numbers of so many digits are kept exactly. */
const exactDigits = 15
/** What is nested more deeply, or has more fields, is left to the general way. */
const maxPlainDepth = 64
const maxPlainFields = 32
const none = -1

/**
 * Reads a signal in the form that JSON.stringify writes: workflowId, signalName and input, in any order. The journal keeps the text of its arguments, so no value is made of
 * them, and no text of those values.
 *
 * Guarantee: what it reads, `parseJson` and `decodeBatchRequest` read as the same signal. Whatever it does
 * not know is undefined and theirs to read or to refuse: an escape, white space, another field, a number
 * that JavaScript writes in another way, a field twice, a payload in long form, anything that is not JSON.
 *
 * The texts it gives are parts of `text`: who keeps one keeps all of it.
 *
 * @param text from UTF-8, of which it is the part from `start` to `end`
 * @param maxDepth how deep its JSON may be nested
 */
export function readPlainSignal(
  text: string,
  start: number,
  end: number,
  maxDepth: number,
): PlainSignal | undefined {
  // The signal and its list of arguments are two levels.
  if (text.charCodeAt(start) !== 0x7b || maxDepth < 2) return undefined
  let workflowId: string | undefined
  let signalName: string | undefined
  let args: (string | null)[] | undefined
  let at = start
  do {
    const key = at + 1
    if (text.startsWith('"workflowId":"', key) && workflowId === undefined) {
      at = endOfString(text, key + 13)
      workflowId = text.slice(key + 14, at - 1)
    } else if (text.startsWith('"signalName":"', key) && signalName === undefined) {
      at = endOfString(text, key + 13)
      signalName = text.slice(key + 14, at - 1)
    } else if (text.startsWith('"input":[', key) && args === undefined) {
      args = []
      at = readArguments(text, key + 8, Math.min(maxDepth, maxPlainDepth) - 2, args)
    } else {
      return undefined
    }
    if (at === none) return undefined
  } while (text.charCodeAt(at) === 0x2c)
  if (text.charCodeAt(at) !== 0x7d || at + 1 !== end) return undefined
  // An empty name is one that is not set.
  if (!workflowId || !signalName) return undefined
  return { workflowId, signalName, args: args ?? [] }
}

/** Each of the following returns one past the end of what begins at `at`, or -1 where it is not plain. */
function readArguments(text: string, at: number, depth: number, list: (string | null)[]): number {
  if (text.charCodeAt(at + 1) === 0x5d) return at + 2
  let next = at
  do {
    const start = next + 1
    next = endOfValue(text, start, depth)
    if (next === none) return none
    const argument = text.slice(start, next)
    list.push(argument === 'null' ? null : argument)
  } while (text.charCodeAt(next) === 0x2c)
  return text.charCodeAt(next) === 0x5d ? next + 1 : none
}

/** @param depth how many levels may begin here */
function endOfValue(text: string, at: number, depth: number): number {
  switch (text.charCodeAt(at)) {
    case 0x22:
      return endOfString(text, at)
    case 0x7b:
      return depth > 0 ? endOfObject(text, at, depth - 1) : none
    case 0x5b:
      return depth > 0 ? endOfArray(text, at, depth - 1) : none
    case 0x74:
      return text.startsWith('true', at) ? at + 4 : none
    case 0x66:
      return text.startsWith('false', at) ? at + 5 : none
    case 0x6e:
      return text.startsWith('null', at) ? at + 4 : none
    default:
      return endOfNumber(text, at)
  }
}

function endOfString(text: string, at: number): number {
  for (let next = at + 1; ; next++) {
    const code = text.charCodeAt(next)
    if (code === 0x22) return next + 1
    // A control character, the newline behind a line too, or NaN behind the text.
    if (!(code >= 0x20) || code === 0x5c) return none
  }
}

function endOfObject(text: string, at: number, depth: number): number {
  if (text.charCodeAt(at + 1) === 0x7d) return at + 2
  const names: string[] = []
  let next = at
  do {
    const key = next + 1
    if (text.charCodeAt(key) !== 0x22) return none
    next = endOfString(text, key)
    if (next === none || text.charCodeAt(next) !== 0x3a) return none
    const name = text.slice(key + 1, next - 1)
    if (!isPlainName(name) || names.includes(name) || names.length === maxPlainFields) return none
    names.push(name)
    next = endOfValue(text, next + 1, depth)
    if (next === none) return none
  } while (text.charCodeAt(next) === 0x2c)
  return text.charCodeAt(next) === 0x7d ? next + 1 : none
}

/** Those that begin with a digit JavaScript may put in front; the others make a payload in long form. */
function isPlainName(name: string): boolean {
  return !isDigit(name.charCodeAt(0)) && name !== 'metadata' && name !== '_protoMessageType'
}

function endOfArray(text: string, at: number, depth: number): number {
  if (text.charCodeAt(at + 1) === 0x5d) return at + 2
  let next = at
  do {
    next = endOfValue(text, next + 1, depth)
    if (next === none) return none
  } while (text.charCodeAt(next) === 0x2c)
  return text.charCodeAt(next) === 0x5d ? next + 1 : none
}

function endOfNumber(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === 0x2d || !isDigit(first)) return endOfWritten(text, at)
  let next = at + 1
  while (isDigit(text.charCodeAt(next))) next++
  const after = text.charCodeAt(next)
  const isWhole = after === 0x2c || after === 0x5d || after === 0x7d
  const digits = next - at
  if (!isWhole || digits > exactDigits || (first === 0x30 && digits > 1)) {
    return endOfWritten(text, at)
  }
  return next
}

const written = /[\d.eE+-]+/y

/** Of a number that reads the same when JavaScript writes it. */
function endOfWritten(text: string, at: number): number {
  written.lastIndex = at
  const [number] = written.exec(text) ?? []
  return number !== undefined && String(Number(number)) === number ? at + number.length : none
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
