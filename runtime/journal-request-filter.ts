import { mixRequestHash } from './request-index.ts'

/**
 * A Bloom filter over the request hashes of a generation: one byte a hash, four bits set for each,
 * so that one look-up in forty of a hash that is not there has to read a bucket.
 */
export class RequestFilter {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  static forEntries(entries: number): RequestFilter {
    return new RequestFilter(new Uint8Array(Math.max(64, entries)))
  }

  add(hash: number): void {
    const bits = this.bytes.length * 8
    const step = mixRequestHash(hash + 1) | 1
    let at = mixRequestHash(hash)
    for (let i = 0; i < bitsPerHash; i += 1) {
      const bit = at % bits
      this.bytes[bit >>> 3]! |= 1 << (bit & 7)
      at = (at + step) >>> 0
    }
  }

  mayHave(hash: number): boolean {
    const bits = this.bytes.length * 8
    const step = mixRequestHash(hash + 1) | 1
    let at = mixRequestHash(hash)
    for (let i = 0; i < bitsPerHash; i += 1) {
      const bit = at % bits
      if ((this.bytes[bit >>> 3]! & (1 << (bit & 7))) === 0) return false
      at = (at + step) >>> 0
    }
    return true
  }
}

const bitsPerHash = 4
