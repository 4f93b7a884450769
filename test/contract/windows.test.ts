import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, items, misbehave, rogue } from '../fixtures/workflows.ts'

/** Far less than what the workflows of these tests are sent. */
const limits = { slotWindowBytes: 64 * 1024 }
const kilobyte = 'x'.repeat(1_000)
const sent = numbers(1_500).map((n) => `${n} ${kilobyte}`)

describe('More than the window of a slot holds', () => {
  test('a history that is larger is loaded, and the other workflows of the slot go on', async () => {
    const lab = await Lab.create()
    const before = (await lab.open({ slots: 1 })).client.workflow
    const parked = await before.start(rogue, { workflowId: 'large' })
    await parked.signal(misbehave, 'throw')
    await eventually('it is parked', async () => (await parked.describe()).parked)
    await Promise.all(sent.map((text) => parked.signal(add, text)))

    // What waited is read while the workflow loads; the second time all of it is history.
    for (const round of numbers(2)) {
      const { client } = await lab.reopen({ slots: 1, code: 'reformed.ts', limits })
      const other = await client.workflow.start(rogue, { workflowId: `other${round}` })
      const loading = client.workflow.getHandle<typeof rogue>('large').query(items)
      await other.signal({ signal: add, waitFor: 'processed' }, 1)
      expect(await loading).toEqual(sent)
      await other.signal(add, 2)
      expect(await other.query(items)).toEqual([1, 2])
    }
  })

  test('signals that race with a close are handled, however many, and so are those of others', async () => {
    const { client } = await openRuntime({ slots: 1, limits })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    for (const round of numbers(3)) {
      const closing = await client.workflow.start(collector, { workflowId: `w${round}` })
      await closing.query(items)
      const signals = [closing.signal(finish), ...sent.map((text) => closing.signal(add, text))]
      await Promise.all(signals)
      expect(await closing.result()).toEqual(sent)
      await other.signal({ signal: add, waitFor: 'processed' }, round)
    }
    expect(await other.query(items)).toEqual(numbers(3))
  })
})
