import { log } from 'signalbox/activity'
import { alertEveryMinutes } from './airport-totals.ts'

/** Tells the airport's operators that another {@link alertEveryMinutes} minutes of delay have piled up. */
export async function raiseDelayAlert(airport: string, alert: number): Promise<void> {
  log.info('delay alert', { airport, delayMinutes: alert * alertEveryMinutes })
}
