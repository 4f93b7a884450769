import type { Logger } from './logger.ts'
import type { SlotSupervisor } from './slot-supervisor.ts'

const POLL_MS = 25
/** In the same turn for this many looks while memory is short: this turn is what fills it. */
const LOOKS_WHEN_MEMORY_IS_SHORT = 2

/**
 * Ends slots that are stuck in a turn. It counts looks that found the same turn, not time, so that a
 * suspended machine or a host that was busy itself harms nobody. Memory is watched too, since an
 * allocation past V8's own limit may abort the whole process instead of the worker.
 */
export class SlotWatchdog {
  readonly #timer: NodeJS.Timeout

  constructor(
    slots: readonly SlotSupervisor[],
    limits: { readonly deadlockTimeoutMs: number; readonly maxRssBytes: number },
    logger: Logger,
    identify: (run: number) => object,
  ) {
    const looks = Math.max(2, Math.ceil(limits.deadlockTimeoutMs / POLL_MS))
    this.#timer = setInterval(() => {
      for (const slot of slots) {
        const unchanged = slot.observe()
        if (unchanged >= looks) {
          slot.kill(`one turn took longer than deadlockTimeoutMs = ${limits.deadlockTimeoutMs}`)
        } else if (
          unchanged >= LOOKS_WHEN_MEMORY_IS_SHORT &&
          // Asked only then: the kernel takes a good part of a millisecond to answer.
          process.memoryUsage.rss() > limits.maxRssBytes
        ) {
          const whose = identify(slot.currentRun)
          logger.warn({ slot: slot.index, ...whose }, 'memory is short')
          slot.kill(`one turn drove the process past maxRssBytes = ${limits.maxRssBytes}`)
        }
      }
    }, POLL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
