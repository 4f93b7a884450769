import { SignalboxError } from '../runtime/errors.ts'

/** Namespaces that are remembered; one that is forgotten begins with a full allowance. */
const maxNamespaces = 10_000

/**
 * In thousandths of a request, of which `perSecond` come back in each millisecond: whole numbers, so that
 * after the time that a refusal names there is room, and not a rounding error less.
 */
const requestCost = 1000

interface Allowance {
  left: number
  time: number
}

/**
 * Requests of each namespace by a token bucket: `perSecond` a second, and as many at once after a
 * quiet second. What is refused was not looked at.
 */
export class RateLimit {
  readonly #perSecond: number
  readonly #own: ReadonlyMap<string, number>
  readonly #now: () => number
  readonly #allowances = new Map<string, Allowance>()

  /** `own` has the rates of namespaces that have another than `perSecond`. */
  constructor(
    perSecond: number,
    own: ReadonlyMap<string, number> = new Map(),
    now: () => number = () => performance.now(),
  ) {
    this.#perSecond = perSecond
    this.#own = own
    this.#now = now
  }

  /** The error, with the time to wait, if the namespace has had its requests; else undefined. */
  take(namespace: string): SignalboxError | undefined {
    const now = this.#now()
    const perSecond = this.#own.get(namespace) ?? this.#perSecond
    let allowance = this.#allowances.get(namespace)
    if (allowance === undefined) {
      allowance = { left: perSecond * requestCost, time: now }
      this.#remember(namespace, allowance)
    }
    const refill = (now - allowance.time) * perSecond
    allowance.left = Math.min(perSecond * requestCost, allowance.left + refill)
    allowance.time = now
    if (allowance.left < requestCost) {
      const retryAfterMs = Math.ceil((requestCost - allowance.left) / perSecond)
      return new SignalboxError(
        'SIGNALBOX_ERR_TOO_MANY_REQUESTS',
        `namespace ${namespace} has requestsPerSecond = ${perSecond}; nothing was written, ` +
          'retry later.',
        { fields: { retryAfterMs } },
      )
    }
    allowance.left -= requestCost
    return undefined
  }

  #remember(namespace: string, allowance: Allowance): void {
    if (this.#allowances.size >= maxNamespaces) {
      for (const oldest of this.#allowances.keys()) {
        this.#allowances.delete(oldest)
        break
      }
    }
    this.#allowances.set(namespace, allowance)
  }
}
