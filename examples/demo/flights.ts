/**
 * The demo: 20,000 real departures (2,000 with the argument `2k`) stream over HTTP into one workflow per airport. Half way the
 * server is killed with SIGKILL and started again. At the end every airport must have exactly the
 * totals that adding up the file gives.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual, styleText } from 'node:util'
import {
  addFlight,
  noDepartures,
  type AirportTotals,
  type Flight,
} from '../airports/airport-totals.ts'
import type { AirportStatus } from '../airports/workflows.ts'
import { AirportClient } from './airport-client.ts'
import { ExampleServer } from './example-server.ts'
import { readFlights } from './flights-file.ts'
import { streamFlights } from './flight-stream.ts'
import { ProgressBar } from './progress-bar.ts'
import { textTable } from './text-table.ts'

const connections = 64
const alertsTimeoutMs = 30_000

function totalsByAirport(flights: readonly Flight[]): Map<string, AirportTotals> {
  const totals = new Map<string, AirportTotals>()
  for (const flight of flights) {
    totals.set(flight.origin, addFlight(totals.get(flight.origin) ?? noDepartures, flight))
  }
  return totals
}

/** Every airport's status, once it has raised all the alerts that are due. */
async function statusByAirport(
  client: AirportClient,
  airports: Iterable<string>,
): Promise<Map<string, AirportStatus>> {
  const statuses = new Map<string, AirportStatus>()
  const deadline = performance.now() + alertsTimeoutMs
  for (const airport of airports) {
    let status = await client.status(airport)
    while (status.alertsRaised < status.totals.alertsDue && performance.now() < deadline) {
      await delay(20)
      status = await client.status(airport)
    }
    statuses.set(airport, status)
  }
  return statuses
}

async function stream(
  server: ExampleServer,
  client: AirportClient,
  flights: readonly Flight[],
): Promise<string> {
  const bar = new ProgressBar(flights.length)
  let restart: Promise<number> | undefined
  const started = performance.now()
  const { acknowledged, retried } = await streamFlights({
    flights,
    client,
    inFlight: connections,
    serverUp: () => server.up,
    onAcknowledged: (count) => {
      bar.update(count)
      if (restart !== undefined || count < flights.length / 2) return
      bar.update(count, styleText('red', 'SIGKILL'))
      restart = server.killAndRestart()
      restart.then(
        (ms) => bar.update(count, styleText('yellow', `killed, back after ${Math.round(ms)} ms`)),
        () => bar.update(count, styleText('red', 'the server did not come back')),
      )
    },
  })
  bar.end()
  const seconds = (performance.now() - started) / 1000
  const restartMs = (await restart) ?? 0
  const rate = Math.round(acknowledged / (seconds - restartMs / 1000)).toLocaleString('en')
  return (
    `${acknowledged.toLocaleString('en')} signals in ${seconds.toFixed(1)} s: ` +
    `${rate} a second over HTTP, the restart of ${Math.round(restartMs)} ms not counted; ` +
    `${retried} sent again after the kill`
  )
}

/** Prints what came out; the number of airports that differ from the file. */
function report(
  expected: ReadonlyMap<string, AirportTotals>,
  statuses: ReadonlyMap<string, AirportStatus>,
): number {
  const busiest = [...statuses].sort(([, a], [, b]) => b.totals.departures - a.totals.departures)
  const headings = ['airport', 'departures', 'late', 'delay min', 'worst min', 'miles', 'alerts']
  const rows = busiest
    .slice(0, 10)
    .map(([airport, { totals, alertsRaised }]) => [
      airport,
      totals.departures,
      totals.late,
      totals.delayMinutes,
      totals.worstDelayMinutes,
      totals.miles,
      alertsRaised,
    ])
  console.log(`\n${textTable(headings, rows)}\n`)

  let differing = 0
  let alerts = 0
  for (const [airport, totals] of expected) {
    const status = statuses.get(airport)
    alerts += status?.alertsRaised ?? 0
    if (isDeepStrictEqual(status, { totals, alertsRaised: totals.alertsDue })) continue
    differing += 1
    console.error(`${airport} differs:`, { expected: totals, got: status })
  }
  console.log(`${alerts} delay alerts raised`)
  const verdict = `${expected.size - differing} of ${expected.size} airports equal the file`
  console.log(styleText(differing === 0 ? 'green' : 'red', verdict))
  return differing
}

async function main(): Promise<number> {
  const flights = await readFlights(process.argv[2] === '2k' ? '2k' : '20k')
  const dataDir = await mkdtemp(join(tmpdir(), 'signalbox-demo-'))
  const server = await ExampleServer.create(dataDir)
  // Whatever ends this process, the server and the folder go with it.
  process.on('exit', () => {
    server.killNow()
    rmSync(dataDir, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(130))
  }

  const client = new AirportClient(server.port, connections)
  try {
    await server.start()
    console.log(`signalbox serves the examples on http://127.0.0.1:${server.port}`)
    const summary = await stream(server, client, flights)
    const expected = totalsByAirport(flights)
    const differing = report(expected, await statusByAirport(client, expected.keys()))
    console.log(summary)
    return differing === 0 ? 0 : 1
  } finally {
    client.close()
    await server.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
}

process.exitCode = await main()
