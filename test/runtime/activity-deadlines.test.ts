import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { type DeadlineEntry, Deadlines } from '../../runtime/activity-deadlines.ts'
import { SimulatedClock } from '../../runtime/clock.ts'
import { nth } from './activity-harness.ts'

/*
 * Goal: deadlines fire when they are due, in order, and never after they were removed or moved.
 * Method: random sets, moves, removals and steps of time against a model that is a plain map.
 */
it('fires exactly the deadlines that a plain map would, in order of time', () => {
  const index = fc.nat(9)
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('set' as const), index, in: fc.nat(50) }),
      fc.record({ kind: fc.constant('remove' as const), index }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(30) }),
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(steps, (steps) => {
      const clock = new SimulatedClock(0)
      const entries: DeadlineEntry[] = Array.from({ length: 10 }, () => ({
        deadline: Infinity,
        deadlineIndex: -1,
      }))
      const fired: [number, number][] = []
      const deadlines = new Deadlines<DeadlineEntry>(clock, (entry, now) => {
        fired.push([entries.indexOf(entry), now])
      })
      const model = new Map<number, number>()
      for (const step of steps) {
        if (step.kind === 'set') {
          deadlines.set(nth(entries, step.index), clock.now() + step.in)
          model.set(step.index, clock.now() + step.in)
        } else if (step.kind === 'remove') {
          deadlines.remove(nth(entries, step.index))
          model.delete(step.index)
        } else {
          clock.advance(step.ms)
          const due = [...model].filter(([, at]) => at <= clock.now())
          for (const [index] of due) model.delete(index)
          const order = (a: [number, number], b: [number, number]) => a[1] - b[1] || a[0] - b[0]
          const times = fired.map(([, now]) => now)
          expect(times).toEqual([...times].sort((a, b) => a - b))
          expect(fired.splice(0).sort(order)).toEqual(due.sort(order))
        }
        expect(deadlines.size).toBe(model.size)
      }
      deadlines.close()
      expect(clock.pendingTimers).toBe(0)
    }),
    { numRuns: 300 },
  )
})
