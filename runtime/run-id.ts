import { randomBytes } from 'node:crypto'

const RUN_BITS_BYTES = 5
const MAX_RUN = 2 ** (RUN_BITS_BYTES * 8) - 1

let pool = randomBytes(0)
let poolAt = 0

/** Random bytes from a pool: a call to the kernel per run would cost more than the rest of a start. */
function randomByte(): number {
  if (poolAt === pool.length) {
    pool = randomBytes(4_096)
    poolAt = 0
  }
  return pool[poolAt++] as number
}

/**
 * A run id: a UUID of version 7 whose last five bytes are the run's number, so that a run is found
 * by its id without an index of random keys. What is left is 34 random bits beside the time in
 * milliseconds, so ids of different data folders do not meet either.
 */
export function createRunId(run: number, timeMs: number): string {
  if (!Number.isSafeInteger(run) || run < 0 || run > MAX_RUN) {
    throw new RangeError(`run number ${run} is out of range`)
  }
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeUIntBE(timeMs, 0, 6)
  for (let i = 6; i < 11; i++) bytes[i] = randomByte()
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  bytes.writeUIntBE(run, 11, RUN_BITS_BYTES)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** True for anything of a UUID's form. */
export function isRunId(text: string): boolean {
  return RUN_ID.test(text)
}

/** The number that a run id of this form would stand for; compare the row's run id before use. */
export function runOfRunId(runId: string): number {
  return Number.parseInt(runId.slice(-RUN_BITS_BYTES * 2), 16)
}
