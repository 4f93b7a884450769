import { SignalboxError } from './errors.ts'

/** A call's place among those to the same workflow. */
export interface CallPlace {
  /** Make the call as soon as all calls before it have been made or have given up their places. */
  fill<T>(call: () => Promise<T>): Promise<T>
  /** Give the place up. Nothing happens if the call has been made, or will be. */
  free(): void
}

interface QueuedCall {
  bytes: number
  /** Undefined while it is being prepared. */
  make: (() => void) | undefined
}

export interface CallOrderLimits {
  /** Of one workflow. */
  readonly maxMailboxDepth: number
  /** Of all workflows. */
  readonly maxWaitingInputs: number
  readonly maxUncommittedBytes: number
}

/**
 * Keeps calls in order that something asynchronous, a codec or an interceptor, has to prepare.
 *
 * Guarantee: calls to one workflow id are made in the order in which their places were taken. A place
 * that is given up is as if it had not been taken, so a call that fails takes no other with it.
 */
export class CallOrder {
  readonly #limits: CallOrderLimits
  readonly #lanes = new Map<string, Set<QueuedCall>>()
  #calls = 0
  #bytes = 0

  constructor(limits: CallOrderLimits) {
    this.#limits = limits
  }

  /** @throws SIGNALBOX_ERR_MAILBOX_FULL when as many wait as the limits allow for inputs */
  take(namespace: string | undefined, workflowId: string, bytes: number): CallPlace {
    const key = `${namespace ?? ''}\0${workflowId}`
    let lane = this.#lanes.get(key)
    this.#checkRoom(workflowId, lane?.size ?? 0)
    if (lane === undefined) this.#lanes.set(key, (lane = new Set()))
    const queued: QueuedCall = { bytes, make: undefined }
    const calls = lane
    calls.add(queued)
    this.#calls++
    this.#bytes += bytes
    return {
      fill: (call) => {
        // Its turn has come and gone: an interceptor that makes its call again makes it at once.
        if (!calls.has(queued) || queued.make !== undefined) return call()
        return new Promise((resolve, reject) => {
          queued.make = () => {
            try {
              call().then(resolve, reject)
            } catch (error) {
              reject(error)
            }
          }
          this.#advance(key, calls)
        })
      },
      free: () => {
        if (queued.make !== undefined || !calls.has(queued)) return
        this.#leave(calls, queued)
        this.#advance(key, calls)
      },
    }
  }

  #advance(key: string, calls: Set<QueuedCall>): void {
    for (const queued of calls) {
      if (queued.make === undefined) return
      this.#leave(calls, queued)
      queued.make()
    }
    if (calls.size === 0 && this.#lanes.get(key) === calls) this.#lanes.delete(key)
  }

  #leave(calls: Set<QueuedCall>, queued: QueuedCall): void {
    calls.delete(queued)
    this.#calls--
    this.#bytes -= queued.bytes
  }

  #checkRoom(workflowId: string, waiting: number): void {
    const { maxMailboxDepth, maxWaitingInputs, maxUncommittedBytes } = this.#limits
    const full =
      waiting >= maxMailboxDepth
        ? `maxMailboxDepth = ${maxMailboxDepth} calls to workflow ${workflowId} are being prepared`
        : this.#calls >= maxWaitingInputs
          ? `maxWaitingInputs = ${maxWaitingInputs} calls are being prepared`
          : this.#bytes >= maxUncommittedBytes
            ? `maxUncommittedBytes = ${maxUncommittedBytes} bytes are being prepared`
            : undefined
    if (full === undefined) return
    throw new SignalboxError(
      'SIGNALBOX_ERR_MAILBOX_FULL',
      `${full} by codecs or interceptors; nothing was written, retry later.`,
      { fields: { retryAfterMs: 1_000 } },
    )
  }
}
