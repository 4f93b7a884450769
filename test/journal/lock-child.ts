/**
 * Opens the data folder it is given and prints how that went as one line of JSON; holds it until its
 * standard input ends. With a second argument it commits an input of run 1 with that number first.
 */
import { SignalboxError } from '../../runtime/errors.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { batch, inputs } from './records.ts'

const [dataDir, seq] = process.argv.slice(2)
try {
  const journal = await openLmdbJournal({ dataDir: dataDir! })
  if (seq !== undefined) await journal.commit(batch([inputs(1, Number(seq), 1)]))
  process.stdout.write(`${JSON.stringify({ epoch: journal.epoch })}\n`)
  for await (const _chunk of process.stdin);
  await journal.close()
} catch (error) {
  if (!(error instanceof SignalboxError)) throw error
  const { code, message, fields } = error
  process.stdout.write(`${JSON.stringify({ code, message, fields })}\n`)
}
