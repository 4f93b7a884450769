import { expect, test } from 'vitest'
import { temporaryFolder } from '../fixtures/lab.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { crashRun } from './crash-run.ts'

// The long run is scripts/crash-rounds.ts.
const ROUNDS = 8

test(`${ROUNDS} kills under load lose, double and reorder nothing`, async () => {
  const seed = Date.now() % 1_000_000
  const folder = await temporaryFolder()
  try {
    const { acknowledged, briefs, runs } = await crashRun({
      folder,
      rounds: ROUNDS,
      random: seededRandom(seed),
    })
    expect(acknowledged).toBeGreaterThan(1_000)
    expect(briefs).toBeGreaterThan(10)
    expect(runs).toBeGreaterThan(10)
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}, 180_000)
