import { setTimeout as delay } from 'node:timers/promises'
import type { Flight } from '../airports/airport-totals.ts'
import type { AirportClient } from './airport-client.ts'

const retryTimeoutMs = 60_000

/** A flight and its place in the file, which serves as the signal's request id. */
interface NumberedFlight {
  readonly index: number
  readonly flight: Flight
}

export interface FlightStreamOptions {
  readonly flights: readonly Flight[]
  readonly client: AirportClient
  /** How many requests are under way at a time. */
  readonly inFlight: number
  /** Resolves when the server takes requests; asked after a request that got no answer. */
  readonly serverUp: () => Promise<unknown>
  readonly onAcknowledged: (acknowledged: number) => void
}

export interface StreamResult {
  readonly acknowledged: number
  /** Requests that were sent again because nobody knew whether they had arrived. */
  readonly retried: number
}

/**
 * Sends every flight to its airport: many airports at a time, the flights of one airport one after
 * the other. What was not acknowledged is sent again under the same request id before the airport's
 * next flight, so that a crash neither loses, doubles nor reorders anything.
 */
export async function streamFlights(options: FlightStreamOptions): Promise<StreamResult> {
  const { client, serverUp } = options
  const ready = flightsByAirport(options.flights)
  let acknowledged = 0
  let retried = 0
  const failure = new AbortController()

  const send = async (airport: string, { index, flight }: NumberedFlight): Promise<void> => {
    const deadline = performance.now() + retryTimeoutMs
    for (;;) {
      const outcome = await client.signalDeparture(airport, flight, `flight-${index}`)
      if (outcome === 'acknowledged') return
      if (performance.now() > deadline) throw new Error(`Flight ${index} was never acknowledged.`)
      retried += 1
      if (outcome === 'unknown') await serverUp()
      await delay(20)
    }
  }
  const lane = async (): Promise<void> => {
    for (;;) {
      const airport = failure.signal.aborted ? undefined : longestQueue(ready)
      const queue = airport === undefined ? undefined : ready.get(airport)
      const next = queue?.pop()
      if (airport === undefined || queue === undefined || next === undefined) return
      ready.delete(airport) // Nobody else may send for this airport before this flight is acknowledged.
      await send(airport, next)
      acknowledged += 1
      options.onAcknowledged(acknowledged)
      if (queue.length > 0) ready.set(airport, queue)
    }
  }
  const lanes = Array.from({ length: options.inFlight }, lane)
  try {
    await Promise.all(lanes)
  } catch (error) {
    failure.abort() // Let the other lanes end with the request they have in hand.
    await Promise.allSettled(lanes)
    throw error
  }
  return { acknowledged, retried }
}

/** The airport with the most flights left: begun last, it would keep a single lane busy at the end. */
function longestQueue(queues: ReadonlyMap<string, readonly NumberedFlight[]>): string | undefined {
  let longest: string | undefined
  let length = 0
  for (const [airport, queue] of queues) {
    if (queue.length <= length) continue
    longest = airport
    length = queue.length
  }
  return longest
}

/** The flights of each airport, the first one last, so that `pop` takes them in order. */
function flightsByAirport(flights: readonly Flight[]): Map<string, NumberedFlight[]> {
  const queues = new Map<string, NumberedFlight[]>()
  for (let index = flights.length - 1; index >= 0; index -= 1) {
    const flight = flights[index]
    if (flight === undefined) continue
    const queue = queues.get(flight.origin)
    if (queue === undefined) queues.set(flight.origin, [{ index, flight }])
    else queue.push({ index, flight })
  }
  return queues
}
