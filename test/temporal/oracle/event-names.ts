import type { Attributes } from './turn.ts'

/** An event as the parts of this reader see it. */
export interface ReadEvent {
  readonly id: number
  readonly type: string
  readonly attributes: Attributes
  readonly summary: unknown
}

/** What events say of others by their ids. */
export class EventNames {
  /** Activity ids, child workflow ids, timer ids and numbers of external commands by event id. */
  readonly #names = new Map<number, string>()
  readonly #counts = new Map<string, number>()
  taskQueue: unknown

  name(eventId: number, name: string): string {
    this.#names.set(eventId, name)
    return name
  }

  /** The how-manieth of its kind: for commands that have no id of their own. */
  number(eventId: number, kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    return this.name(eventId, String(count))
  }

  of(eventId: unknown): string {
    const name = this.#names.get(Number(eventId))
    if (name === undefined) throw new Error(`No event ${String(eventId)} that another names`)
    return name
  }
}
