import { measureColdQueries } from './cold-query-load.ts'
import { measureReplay } from './replay-load.ts'
import { atLeast, atMost, type Scenario, workflowsText } from './scenario.ts'
import { measureStarts } from './start-load.ts'
import { measureSteps } from './step-load.ts'
import { measureTurns } from './turn-load.ts'
import { activitySeries, timerFan } from './workflows.ts'

const group = 'engine'

export const engineScenarios: readonly Scenario[] = [
  {
    name: 'turns',
    title: 'turns in the sandbox alone',
    group,
    aims: [atLeast('itself', 'rate', 300_000)],
    measure: ({ size }) => measureTurns(size),
  },
  {
    name: 'replay',
    title: 'replay of one history of signals',
    group,
    aims: [atLeast('itself', 'rate', 400_000)],
    measure: ({ dataDir, size }) => measureReplay(dataDir, size),
  },
  {
    name: 'cold-queries',
    title: 'queries of workflows with 100 signals, not in memory',
    group,
    aims: [atMost('itself', 'p50Ms', 2)],
    workflows: 2_000,
    measure: ({ dataDir, size, workflows }) => measureColdQueries(dataDir, workflows, size),
  },
  {
    name: 'activities',
    title: (workflows) =>
      `activities, awaited one by one, of ${workflowsText(workflows)} at a time`,
    group,
    aims: [atLeast('itself', 'rate', 20_000)],
    workflows: 1_000,
    measure: ({ dataDir, size, workflows }) =>
      measureSteps(dataDir, activitySeries, workflows, size),
  },
  {
    name: 'timers',
    title: (workflows) => `timers, twenty due at once, of ${workflowsText(workflows)} at a time`,
    group,
    aims: [atLeast('itself', 'rate', 20_000)],
    workflows: 1_000,
    measure: ({ dataDir, size, workflows }) => measureSteps(dataDir, timerFan, workflows, size),
  },
  {
    name: 'signal-with-start',
    title: 'signalWithStart of new workflows, 4,096 in flight',
    group,
    ceiling: 'lmdb-4096',
    aims: [atLeast('ceiling', 'rate', 0.25), atLeast('itself', 'rate', 15_000)],
    measure: ({ dataDir, size }) => measureStarts(dataDir, 4_096, size),
  },
]
