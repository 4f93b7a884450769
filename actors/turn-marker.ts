import { openSync, writeSync } from 'node:fs'

/** How long after an unclean exit turns are marked. What brought the process down comes again early. */
const PROBATION_MS = 60_000
export const MARK_BYTES = 8

/**
 * Names the run about to have a turn in a file, so that a turn that brings the whole process down can
 * be told by the next one: V8 aborts the process, not the worker, for a single allocation past its
 * limit. Only after an unclean exit, since a write costs as much as a turn.
 */
export class TurnMarker {
  readonly #file: number
  readonly #position: number
  readonly #until = Date.now() + PROBATION_MS
  readonly #mark = Buffer.alloc(MARK_BYTES)

  constructor(path: string, slot: number) {
    this.#file = openSync(path, 'r+')
    this.#position = slot * MARK_BYTES
  }

  /** Time to stop marking? */
  get isOver(): boolean {
    return Date.now() > this.#until
  }

  /** The run about to have a turn, or 0 for none. In the page cache it outlives the process. */
  mark(run: number): void {
    this.#mark.writeDoubleLE(run)
    writeSync(this.#file, this.#mark, 0, MARK_BYTES, this.#position)
  }
}
