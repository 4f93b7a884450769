import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CallOrder } from '../../runtime/call-order.ts'
import { OrderedStage } from '../../runtime/ordered-stage.ts'

const limits = { maxMailboxDepth: 3, maxWaitingInputs: 5, maxUncommittedBytes: 100 }
const wide = { maxMailboxDepth: 1e6, maxWaitingInputs: 1e6, maxUncommittedBytes: 1e9 }

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

describe('calls that are prepared asynchronously', () => {
  test('are made in the order of their places, per workflow, whichever fail', async () => {
    const plan = fc.record({ workflow: fc.nat(2), delay: fc.nat(12), fails: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { maxLength: 40 }), async (plans) => {
        const order = new CallOrder(wide)
        const made: (readonly [workflow: number, call: number])[] = []
        const outcomes = plans.map(async ({ workflow, delay, fails }, call) => {
          const place = order.take(undefined, `w${workflow}`, 1)
          await ticks(delay)
          if (fails) return place.free()
          return place.fill(async () => {
            made.push([workflow, call])
          })
        })
        await Promise.all(outcomes)
        for (const workflow of [0, 1, 2]) {
          const expected = plans.flatMap((one, call) =>
            one.workflow === workflow && !one.fails ? [call] : [],
          )
          expect(made.filter(([of]) => of === workflow).map(([, call]) => call)).toEqual(expected)
        }
      }),
    )
  })

  test('have bounds: of one workflow, of all, and of bytes; a place that is left makes room', async () => {
    const full = expect.objectContaining({ code: 'SIGNALBOX_ERR_MAILBOX_FULL' })
    const order = new CallOrder(limits)
    const places = [1, 2, 3].map(() => order.take('n', 'w', 1))
    expect(() => order.take('n', 'w', 1)).toThrow(full)
    order.take('n', 'v', 1)
    order.take('m', 'w', 1)
    expect(() => order.take('n', 'u', 1)).toThrow(full)
    places[0]?.free()
    // Twice is as good as once.
    places[0]?.free()
    const heavy = order.take('n', 'u', 1_000)
    places[1]?.free()
    expect(() => order.take('n', 't', 1)).toThrow(full)
    heavy.free()
    await expect(order.take('n', 't', 1).fill(() => Promise.resolve('made'))).resolves.toBe('made')
  })

  test('that throw at once reject, and the next is made', async () => {
    const order = new CallOrder(limits)
    const [first, second] = [order.take('n', 'w', 1), order.take('n', 'w', 1)]
    const later = second.fill(() => Promise.resolve(2))
    const thrown = first.fill(() => {
      throw new Error('at once')
    })
    await expect(thrown).rejects.toThrow('at once')
    await expect(later).resolves.toBe(2)
    // Made again by whoever has the place, a call goes straight through.
    await expect(first.fill(() => Promise.resolve(3))).resolves.toBe(3)
  })
})

test('a stage delivers in order, per key, and nothing behind what failed', async () => {
  const step = fc.record({
    key: fc.nat(1),
    delay: fc.nat(9),
    kind: fc.constantFrom('hold', 'pass', 'fail'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const got: (readonly [key: number, item: number])[] = []
      const failed = new Set<number>()
      const stage = new OrderedStage<number>({
        deliver: (key, item) => void got.push([key, item]),
        failed: (key) => void failed.add(key),
      })
      const broken = new Set<number>()
      const expected: (readonly [number, number])[] = []
      steps.forEach(({ key, delay, kind }, item) => {
        if (broken.has(key)) return
        if (kind === 'pass') {
          if (!stage.pass(key, item)) got.push([key, item])
        } else {
          const held = ticks(delay).then(() => {
            if (kind === 'fail') throw new Error('failed')
            return item
          })
          stage.hold(key, held)
        }
        if (kind === 'fail') broken.add(key)
        else expected.push([key, item])
      })
      await ticks(60)
      expect(stage.idle).toBe(true)
      for (const key of [0, 1]) {
        expect(got.filter(([of]) => of === key)).toEqual(expected.filter(([of]) => of === key))
      }
      expect(failed).toEqual(broken)
    }),
  )
})
