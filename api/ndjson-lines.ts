import { isUtf8 } from 'node:buffer'
import { invalidField } from './invalid-field.ts'
import { parseJson, parseJsonBody } from './json-body.ts'
import { type PlainSignal, readPlainSignal } from './plain-signal.ts'

/** A line of a stream of signals: one that has been read, or the value of its JSON, or why it has none. */
export interface BatchLine {
  /** Counted from 1, blank lines included, as an editor does. */
  readonly number: number
  readonly signal: PlainSignal | undefined
  readonly value: unknown
  readonly error: unknown
}

/** Lines that have arrived together; each is parsed when it is asked for. */
export interface LineBlock {
  /** Undefined when there are no more. */
  next(): BatchLine | undefined
}

export interface LineLimits {
  readonly maxLineBytes: number
  /** How deep a line's JSON may be nested. */
  readonly maxDepth: number
  /** How long no byte may arrive while one is waited for. */
  readonly idleMs: number
}

/** The stream has not brought a byte for too long. */
export class StreamIdleError extends Error {
  override name = 'StreamIdleError'
}

const newline = 0x0a
const blank = /^[ \t\r]*$/

/**
 * The lines of a stream, blank ones left out, in blocks of those that arrived together, so that a line
 * costs no promise. A block must be read to its end before the next is asked for. Holds at most one
 * line beside a block: of one that is longer than `maxLineBytes` the rest is skipped, and the lines
 * after it are read as usual.
 *
 * @throws StreamIdleError if no byte arrives for `idleMs` while it is waited for
 */
export async function* ndjsonBlocks(
  stream: AsyncIterable<Buffer>,
  limits: LineLimits,
): AsyncGenerator<LineBlock, void, void> {
  const chunks = stream[Symbol.asyncIterator]()
  const lines = new LineReader(limits)
  // The beginning of a line whose end has not arrived.
  let held: Buffer[] = []
  let heldBytes = 0
  const takeHeld = (end: Buffer): LineBlock => {
    const isTooLong = heldBytes + end.length > limits.maxLineBytes
    const block = isTooLong ? lines.blockOfTooLong() : lines.block(Buffer.concat([...held, end]))
    held = []
    heldBytes = 0
    return block
  }
  for (;;) {
    const { value: chunk, done } = await within(chunks.next(), limits.idleMs)
    if (done === true) break
    let at = 0
    const firstEnd = heldBytes > 0 ? chunk.indexOf(newline) : -1
    if (firstEnd >= 0) {
      yield takeHeld(chunk.subarray(0, firstEnd))
      at = firstEnd + 1
    }
    const lastEnd = chunk.lastIndexOf(newline)
    if (lastEnd >= at) {
      yield lines.block(chunk.subarray(at, lastEnd))
      at = lastEnd + 1
    }
    const rest = chunk.subarray(at)
    if (rest.length === 0) continue
    // A line that is too long is only counted from here on.
    if (heldBytes <= limits.maxLineBytes) held.push(rest)
    heldBytes += rest.length
  }
  if (heldBytes > 0) yield takeHeld(Buffer.alloc(0))
}

/** A block of what has been parsed already: a value is a line. */
export function blockOfValues(values: readonly unknown[]): LineBlock {
  let at = 0
  return {
    next: () =>
      at < values.length
        ? { signal: undefined, value: values[at++], number: at, error: undefined }
        : undefined,
  }
}

/** Parses lines and numbers them. */
class LineReader {
  readonly #limits: LineLimits
  #number = 0

  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  /** The lines in these bytes, without the last newline. */
  block(bytes: Buffer): LineBlock {
    // One look at all and one text of all. Only where something is wrong in it, lines are told apart.
    if (!isUtf8(bytes)) return blockOf(this.#linesOf(bytes))
    const text = bytes.toString('utf8')
    // A UTF-16 unit is at most three bytes of UTF-8.
    const bytesPerUnit = text.length === bytes.length ? 1 : 3
    let at = 0
    const next = (): BatchLine | undefined => {
      while (at <= text.length) {
        const newlineAt = text.indexOf('\n', at)
        const end = newlineAt < 0 ? text.length : newlineAt
        const start = at
        at = end + 1
        this.#number++
        if ((end - start) * bytesPerUnit <= this.#limits.maxLineBytes) {
          const signal = readPlainSignal(text, start, end, this.#limits.maxDepth)
          if (signal !== undefined) return this.#plain(signal)
        }
        const line = text.slice(start, end)
        const length = bytesPerUnit === 1 ? line.length : Buffer.byteLength(line)
        if (length > this.#limits.maxLineBytes) return this.#tooLong()
        if (blank.test(line)) continue
        try {
          return this.#line(parseJson(line, this.#limits.maxDepth, 'the line'), undefined)
        } catch (error) {
          return this.#line(undefined, error)
        }
      }
      return undefined
    }
    return { next }
  }

  /** A line of which no more is known than that it is too long. */
  blockOfTooLong(): LineBlock {
    this.#number++
    return blockOf([this.#tooLong()][Symbol.iterator]())
  }

  *#linesOf(bytes: Buffer): Generator<BatchLine, undefined, void> {
    for (let at = 0; at <= bytes.length;) {
      const newlineAt = bytes.indexOf(newline, at)
      const end = newlineAt < 0 ? bytes.length : newlineAt
      const line = bytes.subarray(at, end)
      at = end + 1
      this.#number++
      if (line.length > this.#limits.maxLineBytes) yield this.#tooLong()
      else if (!blank.test(line.toString('latin1'))) yield this.#ofBytes(line)
    }
  }

  #ofBytes(bytes: Buffer): BatchLine {
    try {
      return this.#line(parseJsonBody(bytes, this.#limits.maxDepth, 'the line'), undefined)
    } catch (error) {
      return this.#line(undefined, error)
    }
  }

  #tooLong(): BatchLine {
    const problem = `the line is longer than ${this.#limits.maxLineBytes} bytes`
    return this.#line(undefined, invalidField('', problem))
  }

  #plain(signal: PlainSignal): BatchLine {
    return { number: this.#number, signal, value: undefined, error: undefined }
  }

  #line(value: unknown, error: unknown): BatchLine {
    return { number: this.#number, signal: undefined, value, error }
  }
}

function blockOf(lines: Iterator<BatchLine, undefined, void>): LineBlock {
  return { next: () => lines.next().value }
}

async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new StreamIdleError(`nothing arrived for ${ms} ms`))
    }, ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
