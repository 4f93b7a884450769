import { SignalboxError } from './errors.ts'
import { checksum } from './journal-checksum.ts'
import { uint32At, uint48At } from './journal-frame.ts'
import { requestBucketKey, requestFilterKey } from './journal-keys.ts'
import { RequestFilter } from './journal-request-filter.ts'
import type { Tree } from './journal-tree.ts'
import type { RequestLocation } from './journal.ts'
import { mixRequestHash, type RequestIndex } from './request-index.ts'

/**
 * Request hashes that a checkpoint has moved out of memory. Each checkpoint makes a generation: its
 * hashes in 2^bits buckets by their mixed value, and a filter. Eight generations of one tier are
 * merged into one of the next, so that there are few of them however many hashes there are.
 */
export interface RequestGeneration {
  readonly id: number
  readonly tier: number
  readonly bits: number
  readonly entries: number
  readonly filterParts: number
}

/** A generator that writes into the data tree a little between two yields. */
export type SlicedWork<T> = Generator<undefined, T, void>

const entryBytes = 20
const entriesPerBucket = 100
const filterPartBytes = 16_000
export const generationsPerTier = 8
/** Filters beyond this are not kept: a look-up then reads a bucket of each such generation. */
const maxFilterBytes = 64 * 2 ** 20

export class RequestStore {
  readonly #tree: Tree
  readonly #filters = new Map<number, RequestFilter | undefined>()
  #filterBytes = 0
  /** Those of the last complete checkpoint. */
  generations: readonly RequestGeneration[]

  constructor(tree: Tree, generations: readonly RequestGeneration[]) {
    this.#tree = tree
    this.generations = generations
  }

  /** Append the locations of a hash to `found`. */
  find(hash: number, found: RequestLocation[]): void {
    for (const generation of this.generations) {
      if (this.#filterOf(generation)?.mayHave(hash) === false) continue
      const bucket = bucketOf(hash, generation.bits)
      for (const entry of this.#read(generation, bucket)) {
        if (entry.hash === hash) found.push({ run: entry.run, seq: entry.seq })
      }
    }
  }

  /** Write the hashes of a frozen window as a generation. The same window gives the same keys. */
  *spill(index: RequestIndex, id: number): SlicedWork<RequestGeneration> {
    const bits = bitsFor(index.size)
    const filter = RequestFilter.forEntries(index.size)
    // Counting sort into buckets, since sorting a million numbers at once would stall the host.
    const starts = new Int32Array(2 ** bits + 1)
    for (let i = 0; i < index.size; i += 1) {
      starts[bucketOf(index.hashes[i]!, bits) + 1]! += 1
      filter.add(index.hashes[i]!)
      if (i % 4_096 === 0) yield
    }
    for (let i = 1; i < starts.length; i += 1) starts[i]! += starts[i - 1]!
    const order = new Int32Array(index.size)
    const next = starts.slice()
    for (let i = 0; i < index.size; i += 1) {
      order[next[bucketOf(index.hashes[i]!, bits)]!++] = i
      if (i % 4_096 === 0) yield
    }
    for (let bucket = 0; bucket < 2 ** bits; bucket += 1) {
      this.#put(id, bucket, index, order.subarray(starts[bucket], starts[bucket + 1]))
      yield
    }
    const filterParts = yield* this.#putFilter(id, filter)
    return { id, tier: 0, bits, entries: index.size, filterParts }
  }

  /** Merge generations into one of the next tier, without the hashes of runs that are gone. */
  *merge(
    sources: readonly RequestGeneration[],
    id: number,
    runExists: (run: number) => boolean,
  ): SlicedWork<RequestGeneration> {
    const total = sources.reduce((sum, source) => sum + source.entries, 0)
    const bits = bitsFor(total)
    const filter = RequestFilter.forEntries(total)
    const known = new Map<number, boolean>()
    const unitBits = Math.min(bits, Math.max(...sources.map((source) => source.bits)))
    let entries = 0
    for (let unit = 0; unit < 2 ** unitBits; unit += 1) {
      const buckets = new Map<number, Entry[]>()
      for (const source of sources) {
        for (const entry of this.#readUnit(source, unit, unitBits)) {
          if (!isKnown(known, entry.run, runExists)) continue
          const bucket = bucketOf(entry.hash, bits)
          const list = buckets.get(bucket)
          if (list === undefined) buckets.set(bucket, [entry])
          else list.push(entry)
          filter.add(entry.hash)
          entries += 1
        }
        yield
      }
      const spread = 2 ** (bits - unitBits)
      for (let i = 0; i < spread; i += 1) {
        this.#putEntries(id, unit * spread + i, buckets.get(unit * spread + i) ?? [])
        yield
      }
    }
    const filterParts = yield* this.#putFilter(id, filter)
    return { id, tier: sources[0]!.tier + 1, bits, entries, filterParts }
  }

  /** Remove what a generation left. Doing it again is harmless. */
  *discard(generation: RequestGeneration): SlicedWork<void> {
    const filter = this.#filters.get(generation.id)
    if (filter !== undefined) this.#filterBytes -= filter.bytes.length
    this.#filters.delete(generation.id)
    for (let bucket = 0; bucket < 2 ** generation.bits; bucket += 1) {
      this.#tree.remove(requestBucketKey(generation.id, bucket))
      yield
    }
    for (let part = 0; part < generation.filterParts; part += 1) {
      this.#tree.remove(requestFilterKey(generation.id, part))
      yield
    }
  }

  #put(id: number, bucket: number, index: RequestIndex, order: Int32Array): void {
    const entries: Entry[] = []
    for (const i of order) {
      entries.push({ hash: index.hashes[i]!, run: index.runs[i]!, seq: index.seqs[i]! })
    }
    this.#putEntries(id, bucket, entries)
  }

  #putEntries(id: number, bucket: number, entries: readonly Entry[]): void {
    const key = requestBucketKey(id, bucket)
    if (entries.length === 0) {
      // An earlier try at the same merge may have written it before a crash.
      this.#tree.remove(key)
      return
    }
    const value = Buffer.allocUnsafe(4 + entries.length * entryBytes)
    let at = 4
    for (const { hash, run, seq } of entries) {
      value.writeDoubleLE(hash, at)
      value.writeUIntLE(run, at + 8, 6)
      value.writeUIntLE(seq, at + 14, 6)
      at += entryBytes
    }
    value.writeUInt32LE(checksum(value, 4, value.length), 0)
    this.#tree.put(key, value)
  }

  *#read(generation: RequestGeneration, bucket: number): Generator<Entry> {
    const value = this.#tree.get(requestBucketKey(generation.id, bucket))
    if (value === undefined) return
    if (uint32At(value, 0) !== checksum(value, 4, value.length)) {
      // To go on without it would let a request through that was handled already.
      throw new SignalboxError(
        'SIGNALBOX_ERR_JOURNAL_CORRUPT',
        `a block of request ids fails its checksum: generation ${generation.id}, bucket ${bucket}`,
      )
    }
    const view = new DataView(value.buffer, value.byteOffset, value.length)
    for (let at = 4; at < value.length; at += entryBytes) {
      const hash = view.getFloat64(at, true)
      yield { hash, run: uint48At(value, at + 8), seq: uint48At(value, at + 14) }
    }
  }

  /** The entries of one of 2^unitBits equal parts, however many buckets the generation has. */
  *#readUnit(generation: RequestGeneration, unit: number, unitBits: number): Generator<Entry> {
    if (generation.bits < unitBits) {
      for (const entry of this.#read(generation, unit >>> (unitBits - generation.bits))) {
        if (bucketOf(entry.hash, unitBits) === unit) yield entry
      }
      return
    }
    const spread = 2 ** (generation.bits - unitBits)
    for (let i = 0; i < spread; i += 1) yield* this.#read(generation, unit * spread + i)
  }

  *#putFilter(id: number, { bytes }: RequestFilter): SlicedWork<number> {
    const parts = Math.ceil(bytes.length / filterPartBytes)
    for (let part = 0; part < parts; part += 1) {
      const start = part * filterPartBytes
      const end = Math.min(start + filterPartBytes, bytes.length)
      const value = Buffer.allocUnsafe(4 + end - start)
      value.writeUInt32LE(checksum(bytes, start, end), 0)
      value.set(bytes.subarray(start, end), 4)
      this.#tree.put(requestFilterKey(id, part), value)
      yield
    }
    return parts
  }

  /** Read when first asked for, so that opening a folder does not cost what it holds. */
  #filterOf(generation: RequestGeneration): RequestFilter | undefined {
    const { id } = generation
    if (!this.#filters.has(id)) {
      const filter = this.#readFilter(generation)
      this.#filters.set(id, filter)
      this.#filterBytes += filter?.bytes.length ?? 0
    }
    return this.#filters.get(id)
  }

  #readFilter(generation: RequestGeneration): RequestFilter | undefined {
    if (this.#filterBytes + generation.filterParts * filterPartBytes > maxFilterBytes) {
      return undefined
    }
    const parts: Uint8Array[] = []
    for (let part = 0; part < generation.filterParts; part += 1) {
      const value = this.#tree.get(requestFilterKey(generation.id, part))
      // A filter only saves reads: without it every bucket is looked at.
      if (value === undefined) return undefined
      if (uint32At(value, 0) !== checksum(value, 4, value.length)) return undefined
      parts.push(value.subarray(4))
    }
    return new RequestFilter(Buffer.concat(parts))
  }
}

interface Entry {
  readonly hash: number
  readonly run: number
  readonly seq: number
}

function bitsFor(entries: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, entries) / entriesPerBucket)))
}

function bucketOf(hash: number, bits: number): number {
  return bits === 0 ? 0 : mixRequestHash(hash) >>> (32 - bits)
}

function isKnown(
  known: Map<number, boolean>,
  run: number,
  runExists: (run: number) => boolean,
): boolean {
  let exists = known.get(run)
  if (exists === undefined) {
    exists = runExists(run)
    known.set(run, exists)
  }
  return exists
}
