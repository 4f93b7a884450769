import { measureFdatasync } from './fdatasync-ceiling.ts'
import { measureBareFastify } from './http-load.ts'
import { measureLmdb } from './lmdb-ceiling.ts'
import { count, type Scenario } from './scenario.ts'

const group = 'ceilings'
export const inFlightCounts = [1, 16, 256, 4_096] as const
export const httpConnections = 64

export const ceilingScenarios: readonly Scenario[] = [
  {
    name: 'fdatasync',
    title: 'append and fdatasync, 1 in flight',
    group,
    measure: ({ dataDir, size }) => measureFdatasync(dataDir, size),
  },
  ...inFlightCounts.map((inFlight): Scenario => ({
    name: `lmdb-${inFlight}`,
    title: `LMDB alone, a put a record, ${count(inFlight)} in flight`,
    group,
    measure: ({ dataDir, size }) => measureLmdb(dataDir, { runs: 1, inFlight }, size),
  })),
  {
    name: 'lmdb-100000-runs',
    title: (runs) => `LMDB alone, a put a record of ${count(runs)} runs, 4,096 in flight`,
    group,
    workflows: 100_000,
    measure: ({ dataDir, size, workflows }) =>
      measureLmdb(dataDir, { runs: workflows, inFlight: 4_096 }, size),
  },
  {
    name: 'bare-fastify',
    title: `bare Fastify, ${httpConnections} connections`,
    group,
    measure: ({ size }) => measureBareFastify(httpConnections, size),
  },
]
