import {
  activityInfo,
  CancelledFailure,
  cancelled,
  heartbeat,
  log,
  sleep,
} from 'signalbox/activity'
import { defaultActivityInfo, MockActivityEnvironment } from 'signalbox/testing'
import { describe, expect, it, vi } from 'vitest'

describe('MockActivityEnvironment', () => {
  it('runs a function in an activity context', async () => {
    const env = new MockActivityEnvironment({ attempt: 3 })
    const run = env.run(
      async (a: number, b: number) => ({ sum: a + b, attempt: activityInfo().attempt }),
      2,
      3,
    )
    expect(await run).toEqual({ sum: 5, attempt: 3 })
    expect(env.context.info.activityId).toBe(defaultActivityInfo.activityId)
  })

  it('emits heartbeats', async () => {
    const env = new MockActivityEnvironment()
    const heard: unknown[] = []
    env.on('heartbeat', (details) => heard.push(details))
    await env.run(async () => {
      heartbeat(1)
      heartbeat({ done: 2 })
    })
    expect(heard).toEqual([1, { done: 2 }])
    await expect(env.run(() => heartbeat(() => {}))).rejects.toThrow()
  })

  it('gives errors as they are', async () => {
    const error = new RangeError('mine')
    const run = new MockActivityEnvironment().run(() => {
      throw error
    })
    await expect(run).rejects.toBe(error)
  })

  it('cancels', async () => {
    const env = new MockActivityEnvironment()
    const running = env.run(() => sleep('1 hour'))
    env.cancel()
    await expect(running).rejects.toBeInstanceOf(CancelledFailure)
    await expect(env.run(() => cancelled())).rejects.toThrow('CANCELLED')
    expect(env.context.cancellationDetails).toMatchObject({ cancelRequested: true })
  })

  it('writes log lines to the logger', async () => {
    const write = vi.fn()
    const env = new MockActivityEnvironment({}, { logger: { log: write } })
    await env.run(() => log.warn('look', { at: 'this' }))
    expect(write).toHaveBeenCalledWith(
      'WARN',
      'look',
      expect.objectContaining({ at: 'this', activityId: 'test' }),
    )
  })
})
