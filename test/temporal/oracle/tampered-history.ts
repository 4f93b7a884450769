import type { HistoryEventJson, HistoryJson } from './history-turns.ts'

type Json = { [name: string]: unknown }
type Event = HistoryEventJson & Json

/** A copy of a history that was written wrongly: for controls that a comparison must not pass. */
export class TamperedHistory {
  #events: Event[]

  constructor(history: HistoryJson) {
    this.#events = structuredClone(history.events) as Event[]
  }

  /** The place of the `nth` event of a type, from 1. */
  find(type: string, nth = 1): number {
    let seen = 0
    const at = this.#events.findIndex(
      ({ eventType }) => eventType === `EVENT_TYPE_${type}` && ++seen === nth,
    )
    if (at === -1) throw new Error(`The history has no ${type} number ${nth}`)
    return at
  }

  attributes(at: number): Json {
    const event = this.#events[at] as Event
    const [, attributes] =
      Object.entries(event).find(([name]) => name.endsWith('EventAttributes')) ?? []
    return attributes as Json
  }

  drop(...places: readonly number[]): this {
    this.#events = this.#events.filter((_event, at) => !places.includes(at))
    return this
  }

  /** Move the event at one place to behind what is at another now. */
  move(from: number, behind: number): this {
    const [event] = this.#events.splice(from, 1)
    this.#events.splice(from <= behind ? behind : behind + 1, 0, event as Event)
    return this
  }

  swap(a: number, b: number): this {
    const events = this.#events
    ;[events[a], events[b]] = [events[b] as Event, events[a] as Event]
    return this
  }

  insert(behind: number, event: Json): this {
    this.#events.splice(behind + 1, 0, { eventId: 'new', ...event } as unknown as Event)
    return this
  }

  edit(at: number, change: (attributes: Json) => void): this {
    change(this.attributes(at))
    return this
  }

  replace(at: number, event: Json): this {
    this.#events[at] = { ...(this.#events[at] as Event), ...event }
    return this
  }

  /** Numbered anew, references between events included. */
  finish(): HistoryJson {
    const ids = new Map(this.#events.map(({ eventId }, at) => [eventId, String(at + 1)]))
    const renumbered = (value: unknown, name = ''): unknown => {
      if (name.endsWith('EventId') || name === 'eventId') return ids.get(value as string) ?? value
      if (Array.isArray(value)) return value.map((item) => renumbered(item))
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([name, field]) => [name, renumbered(field, name)]),
      )
    }
    return {
      events: this.#events.map((event, at) => ({
        ...(renumbered(event) as Event),
        eventId: String(at + 1),
      })),
    }
  }
}

/** A `Payloads` message in JSON. */
export function payloadsJson(...values: readonly unknown[]): Json {
  return {
    payloads: values.map((value) => ({
      metadata: { encoding: btoa('json/plain') },
      data: btoa(JSON.stringify(value)),
    })),
  }
}
