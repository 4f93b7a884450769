import { afterEach, describe, expect, it, vi } from 'vitest'
import { SimulatedClock, systemClock } from '../../runtime/clock.ts'

describe('systemClock', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('fires once the wall clock has reached the due time, never earlier', async () => {
    const due = systemClock.now() + 20
    const firedAt = await new Promise<number>((resolve) => {
      systemClock.setTimer(due, () => resolve(systemClock.now()))
    })
    expect(firedAt).toBeGreaterThanOrEqual(due)
  })

  it('does not fire a cancelled timer', () => {
    vi.useFakeTimers()
    const fired = vi.fn<() => void>()
    const timer = systemClock.setTimer(systemClock.now() + 10, fired)
    timer.cancel()
    vi.advanceTimersByTime(1_000)
    expect(fired).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits past the 2^31 ms at which setTimeout would overflow', () => {
    vi.useFakeTimers()
    const fired = vi.fn<() => void>()
    const wait = 2 ** 31 + 90_000
    systemClock.setTimer(systemClock.now() + wait, fired)
    vi.advanceTimersByTime(wait - 1)
    expect(fired).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fired).toHaveBeenCalledOnce()
  })

  it('notices within a minute that the wall clock jumped ahead', () => {
    vi.useFakeTimers()
    const fired = vi.fn<() => void>()
    systemClock.setTimer(systemClock.now() + 3_600_000, fired)
    vi.setSystemTime(systemClock.now() + 3_600_000)
    vi.advanceTimersByTime(60_000)
    expect(fired).toHaveBeenCalledOnce()
  })
})

describe('SimulatedClock', () => {
  it('fires due timers by time, then by the order in which they were set', () => {
    const clock = new SimulatedClock(1_000)
    const log: string[] = []
    clock.setTimer(1_030, () => log.push(`c ${clock.now()}`))
    clock.setTimer(1_010, () => log.push(`a ${clock.now()}`))
    clock.setTimer(1_010, () => {
      log.push(`b ${clock.now()}`)
      clock.setTimer(1_020, () => log.push(`late ${clock.now()}`))
    })
    clock.setTimer(1_031, () => log.push('not yet'))
    clock.advance(30)
    expect(log).toEqual(['a 1010', 'b 1010', 'late 1020', 'c 1030'])
    expect(clock.now()).toBe(1_030)
    expect(clock.pendingTimers).toBe(1)
  })

  it('fires a timer that is overdue when set without turning time back', () => {
    const clock = new SimulatedClock(1_000)
    let firedAt = 0
    clock.setTimer(500, () => {
      firedAt = clock.now()
    })
    clock.advance(0)
    expect(firedAt).toBe(1_000)
  })

  it('lets promises settle between timers when advanced asynchronously', async () => {
    const clock = new SimulatedClock(0)
    const log: number[] = []
    const again = async (): Promise<void> => {
      await Promise.resolve()
      log.push(clock.now())
      if (log.length < 3) clock.setTimer(clock.now() + 10, () => void again())
    }
    clock.setTimer(10, () => void again())
    await clock.advanceAsync(100)
    expect(log).toEqual([10, 20, 30])
    expect(clock.now()).toBe(100)
  })
})
