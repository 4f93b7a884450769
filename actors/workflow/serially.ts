/**
 * A signal or update handler whose calls run one after the other, in the order in which they came: each
 * begins when the one before has ended, its waiting included. A call that fails does not keep the next
 * from running.
 *
 * Calls that wait count as running: `await condition(allHandlersFinished)` before the workflow ends or
 * continues as new, or they are given up. A call that waits for a later call of the same handler waits
 * for ever.
 *
 * ```ts
 * setHandler(orderPlaced, serially(async (order: Order) => {
 *   await charge(order)
 * }))
 * ```
 */
export function serially<Args extends unknown[], Result>(
  handler: (...args: Args) => Result | PromiseLike<Result>,
): (...args: Args) => Promise<Result> {
  let last: Promise<unknown> | undefined
  const ended = (): void => {}
  return async (...args) => {
    const previous = last
    const call = previous === undefined ? start() : previous.then(start)
    const end = call.then(ended, ended)
    last = end
    try {
      return await call
    } finally {
      if (last === end) last = undefined
    }

    async function start(): Promise<Result> {
      return await handler(...args)
    }
  }
}
