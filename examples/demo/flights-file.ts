import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Flight } from '../airports/airport-totals.ts'

/** Departures in the United States from January to March 2001, in order of time, from vega-datasets. */
export async function readFlights(count: '2k' | '20k'): Promise<readonly Flight[]> {
  // The package exports only its index, which lies beside the folder of the data.
  const index = createRequire(import.meta.url).resolve('vega-datasets')
  const path = join(dirname(index), '..', 'data', `flights-${count}.json`)
  const flights: Flight[] = JSON.parse(await readFile(path, 'utf8'))
  return flights
}
