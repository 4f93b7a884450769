import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { SimulatedClock } from '../../runtime/clock.ts'
import { openMemoryJournal } from '../../runtime/journal-memory.ts'
import type { TimerRow } from '../../runtime/row-keys.ts'
import { Telemetry } from '../../runtime/telemetry.ts'
import { Timers } from '../../runtime/timers.ts'

function openTimers() {
  const clock = new SimulatedClock()
  const journal = openMemoryJournal()
  onTestFinished(() => journal.close())
  const fired: TimerRow[] = []
  const timers = new Timers(journal, clock, new Telemetry(journal, 'nowhere', () => []), (timer) =>
    fired.push(timer),
  )
  timers.start()
  const at = (ms: number, seq: number): TimerRow => ({ dueTime: clock.now() + ms, run: 1, seq })
  return { clock, timers, fired, at }
}

test('Timers that were not cancelled fire in order, however many others were', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50_000 }), fc.boolean()), {
        minLength: 1_000,
        maxLength: 6_000,
        size: 'max',
      }),
      (plan) => {
        const { clock, timers, fired, at } = openTimers()
        const added = plan.map(([ms], seq) => at(ms, seq))
        const kept: TimerRow[] = []
        for (const timer of added) timers.add(timer)
        for (const [seq, [, isCancelled]] of plan.entries()) {
          const timer = added[seq] as TimerRow
          if (isCancelled) timers.cancel({ ...timer })
          else kept.push(timer)
        }
        expect(timers.near).toBe(kept.length)
        clock.advance(25_000)
        // One that has fired has nothing left to be cancelled.
        for (const timer of fired) timers.cancel(timer)
        clock.advance(25_000)
        const inOrder = kept.toSorted((a, b) => a.dueTime - b.dueTime || a.seq - b.seq)
        expect(fired.map(({ dueTime, seq }) => [dueTime, seq])).toEqual(
          inOrder.map(({ dueTime, seq }) => [dueTime, seq]),
        )
        expect([timers.near, timers.fired]).toEqual([0, kept.length])
      },
    ),
    { numRuns: 30 },
  )
})

test('A timer that is cancelled and set again by another number fires once', () => {
  const { clock, timers, fired, at } = openTimers()
  for (let seq = 0; seq < 5_000; seq++) {
    const timer = at(1_000, seq)
    timers.add(timer)
    if (seq % 10 !== 0) timers.cancel(timer)
  }
  expect(timers.near).toBe(500)
  clock.advance(1_000)
  expect(fired.map(({ seq }) => seq)).toEqual(Array.from({ length: 500 }, (_, n) => n * 10))
})
