import { measureBatches } from './batch-load.ts'
import { httpConnections, type inFlightCounts } from './ceiling-scenarios.ts'
import { measureHttp } from './http-load.ts'
import { measureOpenLoop } from './open-loop-load.ts'
import { type Aim, atLeast, atMost, count, type Scenario, workflowsText } from './scenario.ts'
import { measureSignals } from './signal-load.ts'

/** A second; the last ones are more than some machines can do, which shows as latency. */
export const openLoopRates = [1_000, 10_000, 50_000, 100_000, 200_000, 400_000] as const

/** The same over HTTP, a request each. */
export const httpOpenLoopRates = [1_000, 5_000, 10_000, 20_000] as const
const httpOpenLoopConnections = 256

function signals(
  name: string,
  workflows: number,
  inFlight: (typeof inFlightCounts)[number],
  ...aims: readonly Aim[]
): Scenario {
  return {
    name,
    title: (workflows) => `signals to ${workflowsText(workflows)}, ${count(inFlight)} in flight`,
    group: 'signals',
    ceiling: `lmdb-${inFlight}`,
    aims,
    workflows,
    measure: ({ dataDir, size, workflows }) =>
      measureSignals(dataDir, { workflows, inFlight }, size),
  }
}

function http(name: string, workflows: number): Scenario {
  return {
    name,
    title: (workflows) =>
      `HTTP signals to ${workflowsText(workflows)}, ${httpConnections} connections`,
    group: 'http',
    ceiling: 'bare-fastify',
    aims: [atLeast('ceiling', 'rate', 0.7)],
    workflows,
    measure: ({ dataDir, size, workflows }) =>
      measureHttp(dataDir, { workflows, connections: httpConnections }, size),
  }
}

function batches(name: string, workflows: number, ceiling: string): Scenario {
  return {
    name,
    title: (workflows) => `HTTP batches of signals to ${workflowsText(workflows)}, a line each`,
    group: 'http',
    ceiling,
    aims: [atLeast('ceiling', 'rate', 0.6)],
    workflows,
    measure: ({ dataDir, size, workflows }) => measureBatches(dataDir, workflows, size),
  }
}

export const signalScenarios: readonly Scenario[] = [
  signals('one-workflow-1', 1, 1, atMost('ceiling', 'p50Ms', 1.3), atMost('ceiling', 'p99Ms', 2)),
  signals('one-workflow-16', 1, 16),
  signals('one-workflow-256', 1, 256, atLeast('ceiling', 'rate', 0.8)),
  signals('one-workflow-4096', 1, 4_096, atLeast('ceiling', 'rate', 1)),
  signals('workflows-10', 10, 4_096),
  signals('workflows-100', 100, 4_096),
  signals('workflows-1000', 1_000, 4_096, atLeast('ceiling', 'rate', 0.6)),
  signals('workflows-10000', 10_000, 4_096),
  signals('workflows-100000', 100_000, 4_096, atLeast('ceiling', 'rate', 0.5)),
  http('http-one-workflow', 1),
  http('http-1000-workflows', 1_000),
  batches('http-batches-one-workflow', 1, 'one-workflow-4096'),
  batches('http-batches-1000-workflows', 1_000, 'workflows-1000'),
  ...openLoopRates.map((rate): Scenario => ({
    name: `open-loop-${rate}`,
    title: `signals to 1 workflow, ${count(rate)} a second at fixed times`,
    group: 'open-loop',
    measure: ({ dataDir, size }) => measureOpenLoop(dataDir, rate, size),
  })),
  ...httpOpenLoopRates.map((rate): Scenario => ({
    name: `http-open-loop-${rate}`,
    title: `HTTP signals to 1 workflow, ${count(rate)} a second at fixed times`,
    group: 'open-loop',
    workflows: 1,
    measure: ({ dataDir, size }) =>
      measureHttp(dataDir, { workflows: 1, connections: httpOpenLoopConnections, rate }, size),
  })),
]
