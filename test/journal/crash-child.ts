/**
 * A process to be killed: commits batch after batch to the data folder it is given, each made from
 * its number alone, and prints the number once it is acknowledged. The number of the last batch is
 * also a row, so that the next process goes on from there.
 */
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { crashBatch } from './crash-batch.ts'
import { JournalModel } from './model.ts'
import { batch } from './records.ts'

const [dataDir, windowBytes] = process.argv.slice(2)
const journal = await openLmdbJournal({ dataDir: dataDir!, logWindowBytes: Number(windowBytes) })
const model = new JournalModel()
const last = journal.getRow(Buffer.from('number'))
const lastNumber = last === undefined ? 0 : Number(Buffer.from(last).toString())
for (let number = 1; ; number += 1) {
  const { records, rows } = crashBatch(model, number)
  model.apply(records, rows)
  if (number <= lastNumber) continue
  await journal.commit(batch(records, rows))
  process.stdout.write(`${number}\n`)
}
