import type { NewRecord } from '../../runtime/journal.ts'
import { type JournalModel, type RecordSeed, recordsFrom } from './model.ts'

/** The batch of a number, valid after those before it: the same in the child and in its parent. */
export function crashBatch(
  model: JournalModel,
  number: number,
): { records: NewRecord[]; rows: (readonly [string, string | null])[] } {
  const random = numbersFrom(number)
  const size = 1 + (random() % 6)
  const seeds = Array.from({ length: size }, (): RecordSeed => {
    // New runs become rare, so that a few dozen runs have long histories.
    const what = random() % (number < 40 ? 10 : 500)
    return [what === 0 ? 0 : 1 + (what % 9), random(), random() % 40]
  })
  const letter = 'abc'[random() % 3]!
  const row = [`${letter}${1 + (random() % 9)}`, random() % 3 === 0 ? null : `${number}`] as const
  return { records: recordsFrom(model, seeds), rows: [row, ['number', `${number}`]] }
}

/** A linear congruential generator: enough to vary batches, and the same everywhere. */
function numbersFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) % 2 ** 32
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
}
