import { expect, it } from 'vitest'
import { findMicrotaskCheckpoint } from '../../actors/microtask-checkpoint.ts'
import { inMacrotask } from './sandbox/harness.ts'

const settled = Promise.resolve()

// V8's own and undocumented: looked at on each version of Node that the tests run on.

it('runs all microtasks, and those that they add, before it returns', async () => {
  const seen = await inMacrotask(() => {
    const checkpoint = findMicrotaskCheckpoint()
    const order: string[] = []
    queueMicrotask(() => {
      order.push('first')
      queueMicrotask(() => order.push('third'))
    })
    void (async () => {
      await settled
      order.push('second')
      await settled
      order.push('fourth')
    })()
    checkpoint?.()
    return [...order]
  })
  expect(seen).toEqual(['first', 'second', 'third', 'fourth'])
})

it('leaves a rejection that is handled a little later unreported', async () => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  try {
    await inMacrotask(() => {
      const checkpoint = findMicrotaskCheckpoint()
      const rejected = Promise.reject(new Error('handled after the checkpoint'))
      checkpoint?.()
      rejected.catch(() => undefined)
    })
    await inMacrotask(() => undefined)
  } finally {
    process.off('unhandledRejection', listener)
  }
  expect(unhandled).toEqual([])
})

it('is not to be had while a microtask runs', async () => {
  await Promise.resolve()
  expect(findMicrotaskCheckpoint()).toBeUndefined()
  expect(await inMacrotask(findMicrotaskCheckpoint)).toBeTypeOf('function')
})
