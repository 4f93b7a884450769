import { expect, it } from 'vitest'
import { RunRandom, uuid4From } from '../../../actors/workflow/random.ts'

// The expected values were made without this code: the seed by CPython's hash() (SipHash-1-3, zero
// key) of the run id and 0xFF, the numbers by the `alea` of @temporalio/workflow 1.24 from that seed.
it('draws Temporal’s numbers for a run id', () => {
  const random = new RunRandom('11111111-1111-4111-8111-111111111111')
  expect([random.next(), random.next(), random.next()]).toEqual([
    0.14637793856672943, 0.6803736260626465, 0.900473739253357,
  ])
})

it('goes back to a state that was saved', () => {
  const random = new RunRandom('another run')
  random.next()
  const state = random.save()
  const drawn = [random.next(), random.next()]
  random.restore(state)
  expect([random.next(), random.next()]).toEqual(drawn)
})

it('makes version 4 UUIDs of any numbers', () => {
  expect(uuid4From(() => 0)).toBe('00000000-0000-4000-8000-000000000000')
  expect(uuid4From(() => 1 - 2 ** -32)).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
})
