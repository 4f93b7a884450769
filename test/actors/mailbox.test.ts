import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { Mailbox } from '../../actors/mailbox.ts'

const signal = (n: number): Input => [InputKind.signaled, 0, `s${n}`, []]
const signals = (first: number, count: number): Input[] =>
  Array.from({ length: count }, (_, i) => signal(first + i))

describe('Mailbox', () => {
  test('inputs leave in order, each once, whatever the batches they came in', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ push: fc.integer({ min: 1, max: 200 }) }),
            fc.record({ shift: fc.integer({ min: 1, max: 200 }) }),
            fc.constantFrom('count', 'waive'),
          ),
          { maxLength: 200 },
        ),
        fc.integer({ min: 1, max: 1_000 }),
        (steps, firstSeq) => {
          const mailbox = new Mailbox(firstSeq)
          let pushed = firstSeq - 1
          let shifted = firstSeq - 1
          let bytesIn = 0
          let bytesOut = 0
          for (const step of steps) {
            if (step === 'count') {
              bytesOut += mailbox.takeHandledBytes()
            } else if (step === 'waive') {
              // Counted once and for all: neither the handling nor the end counts it again.
              bytesOut += mailbox.waive()
              expect(mailbox.pendingBytes()).toBe(0)
            } else if ('push' in step) {
              mailbox.push(pushed + 1, signals(pushed + 1, step.push), step.push * 10)
              pushed += step.push
              bytesIn += step.push * 10
            } else {
              for (let i = 0; i < step.shift && shifted < pushed; i++) {
                expect(mailbox.nextSeq).toBe(shifted + 1)
                expect(mailbox.shift()).toEqual(signal(++shifted))
              }
            }
            expect(mailbox.lastSeq).toBe(pushed)
            expect(mailbox.nextSeq).toBe(shifted + 1)
            expect(bytesOut + mailbox.pendingBytes()).toBe(bytesIn)
          }
          while (shifted < pushed) expect(mailbox.shift()).toEqual(signal(++shifted))
          expect(bytesOut + mailbox.takeHandledBytes()).toBe(bytesIn)
          expect(mailbox.pendingBytes()).toBe(0)
        },
      ),
    )
  })

  test('has finds a kind among the inputs up to a number, whatever the batches', () => {
    const timer = (n: number): Input => [InputKind.timerFired, 0, n]
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), { maxLength: 6 }),
        fc.nat(10),
        fc.nat(30),
        (batches, skip, upTo) => {
          const mailbox = new Mailbox(1)
          const all = batches.flat()
          let seq = 1
          for (const batch of batches) {
            mailbox.push(
              seq,
              batch.map((is, i) => (is ? timer(i) : signal(i))),
              1,
            )
            seq += batch.length
          }
          const shifted = Math.min(skip, all.length)
          for (let i = 0; i < shifted; i++) mailbox.shift()
          const lastSeq = Math.min(upTo, all.length)
          const held = all.slice(shifted, lastSeq)
          expect(mailbox.has(InputKind.timerFired, lastSeq)).toBe(held.includes(true))
          expect(mailbox.has(InputKind.signaled, lastSeq)).toBe(held.includes(false))
        },
      ),
    )
  })

  test('a batch that leaves a gap, or comes again, is refused', () => {
    const mailbox = new Mailbox(1)
    mailbox.push(1, signals(1, 3), 0)
    for (const firstSeq of [1, 3, 5, 0]) {
      expect(() => mailbox.push(firstSeq, signals(firstSeq, 1), 0)).toThrow(RangeError)
    }
    mailbox.push(4, signals(4, 1), 0)
    expect(mailbox.lastSeq).toBe(4)
  })

  test('an empty one gives nothing', () => {
    const mailbox = new Mailbox(1)
    expect(() => mailbox.shift()).toThrow(RangeError)
    mailbox.push(1, signals(1, 1), 0)
    mailbox.shift()
    expect(() => mailbox.shift()).toThrow(RangeError)
  })

  test('clear gives back the bytes of all that was not counted yet, and drops it', () => {
    const mailbox = new Mailbox(1)
    mailbox.push(1, signals(1, 2), 20)
    mailbox.push(3, signals(3, 2), 40)
    mailbox.shift()
    mailbox.shift()
    mailbox.shift()
    expect(mailbox.takeHandledBytes()).toBe(20)
    expect(mailbox.clear()).toBe(40)
    expect(mailbox.pendingBytes()).toBe(0)
    expect(() => mailbox.shift()).toThrow(RangeError)
    mailbox.push(5, signals(5, 1), 7)
    expect(mailbox.nextSeq).toBe(5)
    expect(mailbox.shift()).toEqual(signal(5))
    expect(mailbox.clear()).toBe(7)
  })
})
