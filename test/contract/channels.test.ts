import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { type Desk, desk, finish, note, work } from '../fixtures/channel-workflows.ts'
import { openEngine } from '../fixtures/engine-lab.ts'
import { Gate } from '../fixtures/gated-journal.ts'
import { numbers } from '../fixtures/lab.ts'

/**
 * Send `count` pieces of work and as many notes, each with a request id, in engines that die at the commit
 * with this number, one after the other, and at last in one that lives.
 */
async function live(count: number, perRun: number, deaths: readonly number[]): Promise<Desk> {
  const store = new MemoryJournalStore()
  for (const death of [...deaths, Infinity]) {
    const gate = new Gate()
    let commits = 0
    gate.holdWhen(() => {
      // Nothing of this commit is written, as if the process had been killed just before.
      if (++commits >= death) gate.fail(new Error('the process died here'))
      return false
    })
    const journal = gate.before(openMemoryJournal(store))
    const host = await openEngine(journal, { slots: 1 }, 'channel-workflows.ts')
    onTestFinished(() => host.close())
    try {
      const handle = await host.client.start(desk, {
        workflowId: 'desk',
        requestId: 'start',
        args: [perRun],
      })
      const sent = numbers(count).flatMap((n) => [
        handle.signal({ signal: work, requestId: `work ${n}` }, n),
        handle.signal({ signal: note, requestId: `note ${n}` }, n),
      ])
      await Promise.all(sent)
      await handle.signal({ signal: finish, requestId: 'finish' }, count)
      return await handle.result()
    } catch (error) {
      if (death === Infinity) throw error
    }
    await host.close()
  }
  throw new Error('the last engine lives')
}

test('channels, locks and serial handlers keep order and lose nothing, whenever the process dies', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
      async (count, perRun, deaths) => {
        const { worked, noted } = await live(count, perRun, deaths)
        expect(worked).toEqual(numbers(count))
        expect(noted).toEqual(numbers(count).flatMap((n) => [`${n} in`, `${n} out`]))
      },
    ),
    { numRuns: 15 },
  )
})
