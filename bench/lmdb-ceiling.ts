import { open, type Database } from 'lmdb'
import { type LoadResult, runClosedLoop } from './closed-loop.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'
import { shuffled } from './shuffled.ts'

type RecordStore = Database<Buffer, Buffer>

const mapSize = 8 * 1024 * 1024 * 1024
/** About what the journal writes of one counter signal. */
export const recordBytes = 48

export interface LmdbLoad {
  readonly runs: number
  readonly inFlight: number
}

/** {@link withLmdb} by itself. */
export function measureLmdb(dataDir: string, load: LmdbLoad, size: LoadSize): Promise<Measurement> {
  return withLmdb(dataDir, load, async (run) => {
    await run(size.warmUp)
    const meter = new Meter({ dataDir })
    return meter.measurement(await run(size))
  })
}

/**
 * What LMDB itself can do with the same records, each in a put of its own and a promise a waiter
 * that resolves when the record is fsynced. One at a time that is a plain put. With more in flight
 * it is group commit: at most one transaction under way, and what comes meanwhile is the next. (A
 * put of its own for each waiter is about as fast then, but now and then only half as fast.)
 *
 * Records of one run are appended. Those of many go to where their runs are, in the order in which the
 * signals of {@link withSignals} come; each run has a record already. In the end all must be there.
 */
export async function withLmdb<Result>(
  dataDir: string,
  { runs, inFlight }: LmdbLoad,
  use: (run: (bounds: LoadBounds) => Promise<LoadResult>) => Promise<Result>,
): Promise<Result> {
  const database: RecordStore = open({
    path: dataDir,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize,
  })
  const value = Buffer.alloc(recordBytes, 7)
  const write =
    inFlight === 1
      ? (key: Buffer): Promise<unknown> => database.put(key, value)
      : groupCommit(database, value)
  const order = shuffled(runs)
  let written = 0
  const operation = (): Promise<unknown> => {
    const key = keyOf(order[written % runs] ?? 0, Math.floor(written / runs))
    written += 1
    return write(key)
  }
  const run = (bounds: LoadBounds): Promise<LoadResult> =>
    runClosedLoop({ ...bounds, inFlight, operation })
  try {
    if (runs > 1) await run({ operations: runs, seconds: Infinity })
    const result = await use(run)
    const count = database.getCount()
    if (count !== written) throw new Error(`LMDB holds ${count} of ${written} records.`)
    return result
  } finally {
    await database.close()
  }
}

/** A key as a journal would have it: a run, and the record's number in it. */
function keyOf(run: number, record: number): Buffer {
  const key = Buffer.allocUnsafe(12)
  key.writeUInt32BE(run, 0)
  key.writeUIntBE(record, 4, 6)
  key.writeUInt16BE(0, 10)
  return key
}

interface Waiter {
  readonly key: Buffer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function groupCommit(database: RecordStore, value: Buffer): (key: Buffer) => Promise<void> {
  let waiting: Waiter[] = []
  let writing = false

  const commit = (): void => {
    const batch = waiting
    waiting = []
    database
      .transaction(() => {
        for (const { key } of batch) void database.put(key, value)
      })
      .then(
        () => {
          for (const waiter of batch) waiter.resolve()
          writing = waiting.length > 0
          if (writing) commit()
        },
        (error: unknown) => {
          for (const waiter of batch) waiter.reject(error)
        },
      )
  }
  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      if (writing) return
      writing = true
      setImmediate(commit)
    })
}
