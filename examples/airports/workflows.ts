import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'
import { addFlight, noDepartures, type AirportTotals, type Flight } from './airport-totals.ts'

export interface AirportStatus {
  readonly totals: AirportTotals
  /** Alerts whose activity has completed. */
  readonly alertsRaised: number
}

export const departed = defineSignal<[Flight]>('departed')
export const airportStatus = defineQuery<AirportStatus>('airportStatus')

const { raiseDelayAlert } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
})

/** One run per airport: adds up its departures and raises an alert for every 1,000 minutes of delay. */
export async function airport(code: string, carried?: AirportStatus): Promise<never> {
  let totals = carried?.totals ?? noDepartures
  let alertsRaised = carried?.alertsRaised ?? 0

  setHandler(departed, (flight) => {
    totals = addFlight(totals, flight)
  })
  setHandler(airportStatus, () => ({ totals, alertsRaised }))

  for (;;) {
    await condition(() => totals.alertsDue > alertsRaised || workflowInfo().continueAsNewSuggested)
    if (totals.alertsDue > alertsRaised) {
      await raiseDelayAlert(code, alertsRaised + 1)
      alertsRaised += 1
    } else {
      await continueAsNew<typeof airport>(code, { totals, alertsRaised })
    }
  }
}
