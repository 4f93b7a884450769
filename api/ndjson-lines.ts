import { invalidField } from './invalid-field.ts'

/** A line of a stream of JSON values, or why it cannot be read. */
export interface BatchLine {
  /** Counted from 1, blank lines included, as an editor does. */
  readonly number: number
  readonly bytes?: Buffer
  /** Instead of bytes, what has been parsed already. */
  readonly value?: unknown
  readonly error?: Error
}

/** The stream has not brought a byte for too long. */
export class StreamIdleError extends Error {
  override name = 'StreamIdleError'
}

const newline = 0x0a

/**
 * The lines of a stream, blank ones left out. Holds at most one line: of one that is longer than
 * `maxLineBytes` the rest is skipped, and the lines after it are read as usual.
 *
 * @throws StreamIdleError if no byte arrives for `idleMs` while it is waited for
 */
export async function* ndjsonLines(
  stream: AsyncIterable<Buffer>,
  maxLineBytes: number,
  idleMs: number,
): AsyncGenerator<BatchLine, void, void> {
  const chunks = stream[Symbol.asyncIterator]()
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0
  const take = (end: Buffer): BatchLine | undefined => {
    number++
    const bytes = heldBytes === 0 ? end : Buffer.concat([...held, end])
    const isTooLong = heldBytes + end.length > maxLineBytes
    held = []
    heldBytes = 0
    if (isTooLong) {
      return { number, error: invalidField('', `the line is longer than ${maxLineBytes} bytes`) }
    }
    return isBlank(bytes) ? undefined : { number, bytes }
  }
  for (;;) {
    const { value: chunk, done } = await within(chunks.next(), idleMs)
    if (done === true) break
    let at = 0
    for (;;) {
      const end = chunk.indexOf(newline, at)
      if (end < 0) break
      const line = take(chunk.subarray(at, end))
      if (line !== undefined) yield line
      at = end + 1
    }
    const rest = chunk.subarray(at)
    // A line that is too long is only counted from here on.
    if (heldBytes <= maxLineBytes) held.push(rest)
    heldBytes += rest.length
  }
  if (heldBytes > 0) {
    const line = take(Buffer.alloc(0))
    if (line !== undefined) yield line
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
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
