import { expect, test } from 'vitest'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { encodeRunRow } from '../../runtime/run-row.ts'
import { encodeKey, RunTable } from '../../runtime/run-table.ts'
import { runKey, workflowIdKey } from '../../runtime/row-keys.ts'
import { collectGarbage } from '../fixtures/collect-garbage.ts'
import { openRunRow } from '../fixtures/open-run-row.ts'

test('a run that is looked up keeps nothing of the text that its id was cut from', () => {
  const store = new MemoryJournalStore()
  const workflows = 50
  const idOf = (n: number): string => `workflow-with-a-long-id-${n}`
  const put = (key: Buffer, value: Uint8Array): void => {
    store.rows.set(key.toString('latin1'), value)
  }
  for (let n = 0; n < workflows; n++) {
    put(workflowIdKey('default', idOf(n)), encodeKey(n + 1))
    put(runKey(n + 1), encodeRunRow({ ...openRunRow, workflowId: idOf(n) }))
  }
  const runs = new RunTable(openMemoryJournal(store), workflows)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < workflows; n++) {
    // As a line is cut from the text of all that arrived with it.
    const text = Buffer.from(`${'x'.repeat(1_000_000)}${idOf(n)}`).toString('utf8')
    expect(runs.current('default', text.slice(1_000_000))?.key).toBe(n + 1)
  }
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000)
})
