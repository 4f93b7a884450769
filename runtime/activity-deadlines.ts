import type { Clock, Timer } from './clock.ts'

/** Something with a time at which it wants to be looked at. */
export interface DeadlineEntry {
  /** Milliseconds since the epoch. */
  deadline: number
  /** Its place in the heap; −1 while it has none. Written by {@link Deadlines} alone. */
  deadlineIndex: number
}

/**
 * The deadlines of all activities over one timer of the clock: a binary heap whose entries know
 * their place, so that an activity that ends takes its deadline with it.
 *
 * The timer is armed only when the earliest deadline is earlier than what it is armed for, and is
 * left armed when that entry goes: at tens of thousands of short activities a second nothing sets
 * or clears a timer.
 */
export class Deadlines<E extends DeadlineEntry> {
  readonly #clock: Clock
  readonly #due: (entry: E, now: number) => void
  readonly #heap: E[] = []
  #timer: Timer | undefined
  #armedFor = Infinity

  /** @param due called for an entry, taken out, once its deadline has been reached */
  constructor(clock: Clock, due: (entry: E, now: number) => void) {
    this.#clock = clock
    this.#due = due
  }

  get size(): number {
    return this.#heap.length
  }

  /** Set or move an entry's deadline; `Infinity` takes it out. */
  set(entry: E, deadline: number): void {
    if (deadline === Infinity) {
      this.remove(entry)
      return
    }
    entry.deadline = deadline
    if (entry.deadlineIndex < 0) {
      entry.deadlineIndex = this.#heap.length
      this.#heap.push(entry)
    }
    this.#siftDown(this.#siftUp(entry.deadlineIndex))
    if (deadline < this.#armedFor) this.#arm()
  }

  remove(entry: E): void {
    const index = entry.deadlineIndex
    if (index < 0) return
    entry.deadlineIndex = -1
    const last = this.#heap.pop()!
    if (last === entry) return
    this.#heap[index] = last
    last.deadlineIndex = index
    this.#siftDown(this.#siftUp(index))
  }

  close(): void {
    for (const entry of this.#heap) entry.deadlineIndex = -1
    this.#heap.length = 0
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Infinity
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.deadline >= this.#armedFor) return
    this.#timer?.cancel()
    this.#armedFor = first.deadline
    this.#timer = this.#clock.setTimer(first.deadline, () => {
      this.#timer = undefined
      this.#armedFor = Infinity
      this.#fire()
    })
  }

  #fire(): void {
    const now = this.#clock.now()
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.deadline > now) break
      this.remove(first)
      this.#due(first, now)
    }
    this.#arm()
  }

  #siftUp(from: number): number {
    const heap = this.#heap
    const entry = heap[from]!
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]!
      if (parent.deadline <= entry.deadline) break
      heap[index] = parent
      parent.deadlineIndex = index
      index = parentIndex
    }
    heap[index] = entry
    entry.deadlineIndex = index
    return index
  }

  #siftDown(from: number): void {
    const heap = this.#heap
    const entry = heap[from]!
    let index = from
    for (;;) {
      let child = index * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length) {
        if (heap[child + 1]!.deadline < heap[child]!.deadline) child++
      }
      const smallest = heap[child]!
      if (smallest.deadline >= entry.deadline) break
      heap[index] = smallest
      smallest.deadlineIndex = index
      index = child
    }
    heap[index] = entry
    entry.deadlineIndex = index
  }
}
