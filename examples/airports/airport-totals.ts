/** A departure, as in the `flights` data sets of vega-datasets. */
export interface Flight {
  readonly date: string
  /** Minutes; negative when early. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

export interface AirportTotals {
  readonly departures: number
  /** Departures more than a quarter of an hour late. */
  readonly late: number
  /** Minutes of delay, early departures not counted. */
  readonly delayMinutes: number
  readonly worstDelayMinutes: number
  readonly miles: number
  /** A moving average of the delay: it comes out right only if the departures came in order. */
  readonly recentDelayMinutes: number
  /** One for every {@link alertEveryMinutes} of delay. */
  readonly alertsDue: number
}

export const alertEveryMinutes = 1_000
const lateMinutes = 15

export const noDepartures: AirportTotals = {
  departures: 0,
  late: 0,
  delayMinutes: 0,
  worstDelayMinutes: 0,
  miles: 0,
  recentDelayMinutes: 0,
  alertsDue: 0,
}

export function addFlight(totals: AirportTotals, flight: Flight): AirportTotals {
  const delayMinutes = totals.delayMinutes + Math.max(0, flight.delay)
  return {
    departures: totals.departures + 1,
    late: totals.late + (flight.delay > lateMinutes ? 1 : 0),
    delayMinutes,
    worstDelayMinutes: Math.max(totals.worstDelayMinutes, flight.delay),
    miles: totals.miles + flight.distance,
    recentDelayMinutes: 0.9 * totals.recentDelayMinutes + 0.1 * flight.delay,
    alertsDue: Math.floor(delayMinutes / alertEveryMinutes),
  }
}
