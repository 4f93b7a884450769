export type RandomState = readonly [c: number, s0: number, s1: number, s2: number]

/**
 * The random numbers of a run: Alea seeded with a SipHash-1-3 (zero keys) of the run id and 0xFF, as
 * Temporal has it. Workflow ids that a workflow draws for its children are recorded in history, so
 * the same file must draw the same numbers there.
 */
export class RunRandom {
  #c = 1
  #s0: number
  #s1: number
  #s2: number

  constructor(runId: string) {
    const seed = seedBytes(runId)
    const mash = new Mash()
    const space = [32]
    this.#s0 = mash.mash(space)
    this.#s1 = mash.mash(space)
    this.#s2 = mash.mash(space)
    this.#s0 = wrap(this.#s0 - mash.mash(seed))
    this.#s1 = wrap(this.#s1 - mash.mash(seed))
    this.#s2 = wrap(this.#s2 - mash.mash(seed))
  }

  /** The next number, 0 <= n < 1. */
  next(): number {
    const t = 2091639 * this.#s0 + this.#c * 2 ** -32
    this.#s0 = this.#s1
    this.#s1 = this.#s2
    this.#c = t | 0
    this.#s2 = t - this.#c
    return this.#s2
  }

  /** The state, for {@link RunRandom.restore}. */
  save(): RandomState {
    return [this.#c, this.#s0, this.#s1, this.#s2]
  }

  restore(state: RandomState): void {
    this.#c = state[0]
    this.#s0 = state[1]
    this.#s1 = state[2]
    this.#s2 = state[3]
  }
}

/** A version 4 UUID from a source of random numbers. */
export function uuid4From(random: () => number): string {
  const words = [word(random), word(random), word(random), word(random)] as const
  const version = ((words[1] & 0xffff0fff) | 0x4000) >>> 0
  const variant = ((words[2] & 0x3fffffff) | 0x80000000) >>> 0
  const hex = hex8(words[0]) + hex8(version) + hex8(variant) + hex8(words[3])
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

function word(random: () => number): number {
  return (random() * 0x1_0000_0000) >>> 0
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function wrap(value: number): number {
  return value < 0 ? value + 1 : value
}

/** Alea's mixer, by Johannes Baagøe. */
class Mash {
  #n = 0xefc8249d

  mash(data: readonly number[]): number {
    let n = this.#n
    for (const byte of data) {
      n += byte
      let h = 0.02519603282416938 * n
      n = h >>> 0
      h -= n
      h *= n
      n = h >>> 0
      h -= n
      n += h * 0x1_0000_0000
    }
    this.#n = n
    return (n >>> 0) * 2 ** -32
  }
}

const mask = (1n << 64n) - 1n

/** SipHash-1-3 with zero keys over the id's bytes and 0xFF, big-endian. Run ids are ASCII. */
function seedBytes(runId: string): number[] {
  let v0 = 0x736f6d6570736575n
  let v1 = 0x646f72616e646f6dn
  let v2 = 0x6c7967656e657261n
  let v3 = 0x7465646279746573n
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask
  const round = (): void => {
    v0 = (v0 + v1) & mask
    v1 = rotate(v1, 13n) ^ v0
    v0 = rotate(v0, 32n)
    v2 = (v2 + v3) & mask
    v3 = rotate(v3, 16n) ^ v2
    v0 = (v0 + v3) & mask
    v3 = rotate(v3, 21n) ^ v0
    v2 = (v2 + v1) & mask
    v1 = rotate(v1, 17n) ^ v2
    v2 = rotate(v2, 32n)
  }
  const bytes = Array.from(runId, (character) => character.charCodeAt(0) & 0xff)
  bytes.push(0xff)
  const length = bytes.length
  while (bytes.length % 8 !== 7) bytes.push(0)
  bytes.push(length & 0xff)
  for (let at = 0; at < bytes.length; at += 8) {
    let m = 0n
    for (let i = 7; i >= 0; i--) m = (m << 8n) | BigInt(bytes[at + i] ?? 0)
    v3 ^= m
    round()
    v0 ^= m
  }
  v2 ^= 0xffn
  round()
  round()
  round()
  const hash = v0 ^ v1 ^ v2 ^ v3
  return [56n, 48n, 40n, 32n, 24n, 16n, 8n, 0n].map((shift) => Number((hash >> shift) & 0xffn))
}
