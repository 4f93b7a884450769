/** `TextEncoder` of the context's own realm; UTF-8, as everywhere. */
export class WorkflowTextEncoder {
  get encoding(): string {
    return 'utf-8'
  }

  encode(text: unknown = ''): Uint8Array {
    const string = String(text)
    const bytes = new Uint8Array(string.length * 3)
    const { written } = this.encodeInto(string, bytes)
    return bytes.slice(0, written)
  }

  encodeInto(text: unknown, target: Uint8Array): { read: number; written: number } {
    let read = 0
    let written = 0
    for (const character of String(text)) {
      const point = character.codePointAt(0) as number
      // Half of a surrogate pair has no encoding.
      const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      if (written + size > target.length) break
      if (size === 1) target[written] = code
      else {
        for (let i = size - 1; i > 0; i--)
          target[written + i] = 0x80 | ((code >> (6 * (size - 1 - i))) & 0x3f)
        target[written] = ((0xf00 >> size) & 0xff) | (code >> (6 * (size - 1)))
      }
      written += size
      read += character.length
    }
    return { read, written }
  }
}

interface DecoderOptions {
  readonly fatal?: boolean
  readonly ignoreBOM?: boolean
}

/** `TextDecoder` of the context's own realm, for UTF-8 alone. */
export class WorkflowTextDecoder {
  readonly encoding = 'utf-8'
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  // What a stream's last chunk left unfinished.
  #rest: number[] = []
  #started = false

  constructor(label = 'utf-8', options: DecoderOptions = {}) {
    if (!/^\s*(?:utf-?8|unicode-1-1-utf-8)\s*$/i.test(label)) {
      throw new RangeError(`The "${label}" encoding is not supported in workflows, only UTF-8`)
    }
    this.fatal = options.fatal ?? false
    this.ignoreBOM = options.ignoreBOM ?? false
  }

  decode(
    input?: ArrayBuffer | ArrayBufferView,
    options: { readonly stream?: boolean } = {},
  ): string {
    const bytes = this.#bytes(input)
    const stream = options.stream ?? false
    let text = ''
    let at = 0
    while (at < bytes.length) {
      const size = sequenceLength(bytes, at)
      if (size === 0) {
        const bad = badLength(bytes, at)
        if (stream && at + bad === bytes.length && isPrefix(bytes, at)) break
        if (this.fatal) throw new TypeError('The encoded data was not valid for encoding utf-8')
        text += '\ufffd'
        at += bad
      } else {
        text += String.fromCodePoint(codePoint(bytes, at, size))
        at += size
      }
    }
    this.#rest = stream ? [...bytes.subarray(at)] : []
    if (!this.#started && text.length > 0) {
      this.#started = true
      if (!this.ignoreBOM && text.startsWith('\ufeff')) text = text.slice(1)
    }
    if (!stream) this.#started = false
    return text
  }

  #bytes(input?: ArrayBuffer | ArrayBufferView): Uint8Array {
    const chunk =
      input === undefined
        ? new Uint8Array(0)
        : ArrayBuffer.isView(input)
          ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
          : new Uint8Array(input)
    if (this.#rest.length === 0) return chunk
    const joined = new Uint8Array(this.#rest.length + chunk.length)
    joined.set(this.#rest)
    joined.set(chunk, this.#rest.length)
    return joined
  }
}

/** How many bytes the sequence should have by its first byte; 0 if it cannot begin one. */
function announced(first: number): number {
  if (first < 0x80) return 1
  if (first >= 0xc2 && first <= 0xdf) return 2
  if (first >= 0xe0 && first <= 0xef) return 3
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0
}

/** Whether the byte `offset` into a sequence may be `byte`: no overlong forms, no surrogates. */
function continues(first: number, offset: number, byte: number | undefined): boolean {
  if (byte === undefined) return false
  let low = 0x80
  let high = 0xbf
  if (offset === 1) {
    if (first === 0xe0) low = 0xa0
    else if (first === 0xed) high = 0x9f
    else if (first === 0xf0) low = 0x90
    else if (first === 0xf4) high = 0x8f
  }
  return byte >= low && byte <= high
}

/** The length of the valid sequence at `at`, 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  const size = announced(first)
  for (let i = 1; i < size; i++) if (!continues(first, i, bytes[at + i])) return 0
  return size
}

/** How many bytes one replacement character stands for: the longest part of a sequence. */
function badLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  const size = announced(first)
  let length = 1
  while (length < size && continues(first, length, bytes[at + length])) length++
  return length
}

/** True if what ends at the last byte could go on in the next chunk. */
function isPrefix(bytes: Uint8Array, at: number): boolean {
  return announced(bytes[at] as number) > bytes.length - at
}

function codePoint(bytes: Uint8Array, at: number, size: number): number {
  const first = bytes[at] as number
  if (size === 1) return first
  let code = first & (0xff >> (size + 1))
  for (let i = 1; i < size; i++) code = (code << 6) | ((bytes[at + i] as number) & 0x3f)
  return code
}
