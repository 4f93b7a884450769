/** So long may others wait for one slice of work; requests are answered within a few of them. */
const sliceMs = 10
/** Reading the clock for each step would cost as much as a quick step. */
const stepsPerLook = 64

/** Who waits for a turn of the event loop, in the order in which they came. */
const waiting: (() => void)[] = []

/**
 * Work on the main thread that may have any number of steps without a wait among them, in slices of some
 * milliseconds: promises that are resolved already never return to the event loop, and meanwhile no
 * other request would be answered.
 *
 * Guarantee: of all that wait for their next slice, one gets it in a turn of the event loop, so that others
 * wait for one slice, not for one of each.
 */
export class WorkSlices {
  #steps = 0
  #end = performance.now() + sliceMs

  /** Counts a step. @returns whether the slice is over, so that `next` is to be awaited before it */
  step(): boolean {
    return ++this.#steps % stepsPerLook === 0 && performance.now() >= this.#end
  }

  /** Resolves in a later turn of the event loop, when the next slice begins. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(wakeFirst)
    })
    this.#end = performance.now() + sliceMs
  }
}

function wakeFirst(): void {
  const wake = waiting.shift()
  if (waiting.length > 0) setImmediate(wakeFirst)
  wake?.()
}
