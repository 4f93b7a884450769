import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { runClosedLoop } from './closed-loop.ts'
import { recordBytes } from './lmdb-ceiling.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'

/** What the disk takes at least to keep a record: append it to a file, fdatasync, one at a time. */
export async function measureFdatasync(dataDir: string, size: LoadSize): Promise<Measurement> {
  const file = await open(join(dataDir, 'appended'), 'a')
  const record = Buffer.alloc(recordBytes, 7)
  const operation = async (): Promise<void> => {
    await file.write(record)
    await file.datasync()
  }
  try {
    const loop = { ...size, inFlight: 1, operation }
    const warmUp = await runClosedLoop({ ...loop, ...size.warmUp })
    const meter = new Meter({ dataDir })
    const result = await runClosedLoop(loop)
    const measurement = meter.measurement(result)
    const expected = (warmUp.operations + result.operations) * recordBytes
    const { size: bytes } = await file.stat()
    if (bytes !== expected) throw new Error(`The file has ${bytes} bytes instead of ${expected}.`)
    return measurement
  } finally {
    await file.close()
  }
}
