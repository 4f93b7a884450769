import { expect, test, vi } from 'vitest'
import { addFlight, noDepartures, type Flight } from '../../examples/airports/airport-totals.ts'
import { airport, airportStatus, departed } from '../../examples/airports/workflows.ts'
import { readFlights } from '../../examples/demo/flights-file.ts'
import { ActivityLog, openExample } from './example-runtime.ts'

test('an airport adds up its departures and raises each alert once, in order', async () => {
  const log = new ActivityLog()
  const example = await openExample('airports', { raiseDelayAlert: log.record('raiseDelayAlert') })
  const flights = await readFlights('2k')
  // As if all of them left from one airport: enough delay for several alerts.
  const half = flights.length / 2
  const send = (runtime: typeof example.runtime, part: readonly Flight[]): Promise<unknown> =>
    Promise.all(
      part.map((flight) =>
        runtime.client.workflow.signalWithStart(airport, {
          workflowId: 'airport/ALL',
          args: ['ALL'],
          signal: departed,
          signalArgs: [flight],
        }),
      ),
    )
  await send(example.runtime, flights.slice(0, half))
  const runtime = await example.restart()
  await send(runtime, flights.slice(half))

  const totals = flights.reduce(addFlight, noDepartures)
  expect(totals.alertsDue).toBeGreaterThan(10)
  const handle = runtime.client.workflow.getHandle('airport/ALL')
  await vi.waitFor(async () => {
    expect(await handle.query(airportStatus)).toEqual({ totals, alertsRaised: totals.alertsDue })
  }, 20_000)
  const alerts = Array.from({ length: totals.alertsDue }, (_, n) => n + 1)
  const calls = alerts.map((alert) => ['raiseDelayAlert', 'ALL', alert])
  // At least once: the restart may have come between an alert and its record.
  expect([...new Map(log.calls.map((call) => [call[2], call])).values()]).toEqual(calls)
})
