import v8 from 'node:v8'

/**
 * Runs what is in this thread's microtask queue, and what that adds to it, until it is empty. Undefined
 * where that cannot be done: on a version of V8 that lacks it, or when a microtask runs at this moment.
 *
 * Entering a vm context that has a queue of its own costs half a microsecond, twice a turn, and that
 * was half of what a signal cost its slot. A context without one shares the thread's queue: a call into
 * it is a plain call, and an empty checkpoint takes 0.05 µs. V8 has had this intrinsic for as long as
 * it has had microtasks, but gives it to nobody; so it is tried before it is trusted, and whoever gets
 * `undefined` does without. The flag that allows the syntax concerns the parser alone, and is set for
 * as long as it takes to make one function.
 */
export function findMicrotaskCheckpoint(): (() => void) | undefined {
  checkpoint ??= make()
  return checkpoint !== undefined && drains(checkpoint) ? checkpoint : undefined
}

/** Whether `checkpoint` works now: it does nothing while a microtask runs. */
export function drains(checkpoint: () => void): boolean {
  let drained = false
  void settled.then(() => {
    drained = true
  })
  checkpoint()
  return drained
}

const settled = Promise.resolve()
let checkpoint: (() => void) | undefined

function make(): (() => void) | undefined {
  v8.setFlagsFromString('--allow-natives-syntax')
  try {
    // A string is the only way to write it: the flag is not set when this file is parsed.
    // oxlint-disable-next-line typescript/no-implied-eval
    const made = new Function('%PerformMicrotaskCheckpoint()') as () => void
    // Compiled by its first call, which needs the flag too.
    made()
    return made
  } catch {
    // A V8 without it, or a process that forbids code from strings.
    return undefined
  } finally {
    v8.setFlagsFromString('--no-allow-natives-syntax')
  }
}
