import { measureLists } from './list-load.ts'
import { measureLongRun } from './long-run-load.ts'
import { measureRestart } from './restart-load.ts'
import { type Aim, atMost, count, type Scenario, workflowsText } from './scenario.ts'
import { measureSoak } from './soak-load.ts'

const million = 1_000_000
const timersEach = 1_000
const recoveryWorkflows = 1_000
const group = 'scale'

export const idleCounts = [1_000, 100_000, million] as const
export const recoverySignals = [10_000, 100_000, million] as const

function idle(workflows: number, aims: readonly Aim[]): Scenario {
  return {
    name: `idle-${workflows}`,
    title: (workflows) =>
      `signals to 1 workflow beside ${workflowsText(workflows)} that do nothing, after a crash`,
    group,
    aims,
    workflows,
    measure: ({ dataDir, size, workflows }) =>
      measureRestart(dataDir, { workflows, signalsEach: 1, timersEach: 0, hasRested: true }, size),
  }
}

function longRun(name: string, title: string, continuesAsNew: boolean, aim: Aim): Scenario {
  return {
    name,
    title,
    group,
    aims: [atMost('itself', 'slowdown', 1.5), aim],
    measure: ({ dataDir, size }) => measureLongRun(dataDir, million, continuesAsNew, size),
  }
}

export const scaleScenarios: readonly Scenario[] = [
  ...idleCounts.map((workflows) =>
    idle(
      workflows,
      workflows < million
        ? []
        : [
            atMost('itself', 'openMs', 1_000),
            atMost('itself', 'pageMs', 10),
            atMost('itself', 'memoryAtOpenMiB', 95), // 100 MB
            atMost('itself', 'eachBytes', 1_024),
          ],
    ),
  ),
  {
    name: 'pending-timers',
    title: (workflows) =>
      `signals to 1 workflow beside ${count(workflows * timersEach)} timers that wait, after a crash`,
    group,
    aims: [atMost('itself', 'openMs', 1_000)],
    workflows: million / timersEach,
    measure: ({ dataDir, size, workflows }) =>
      measureRestart(dataDir, { workflows, signalsEach: 1, timersEach, hasRested: true }, size),
  },
  ...recoverySignals.map((signals): Scenario => ({
    name: `recovery-${signals}`,
    title: (workflows) =>
      `a crash after ${count((signals / recoveryWorkflows) * workflows)} signals to ${workflowsText(workflows)}`,
    group,
    workflows: recoveryWorkflows,
    measure: ({ dataDir, size, workflows }) => {
      const signalsEach = Math.ceil(signals / recoveryWorkflows)
      const leftovers = { workflows, signalsEach, timersEach: 0, hasRested: false }
      return measureRestart(dataDir, leftovers, size)
    },
  })),
  longRun(
    'long-run',
    `1 workflow with ${count(million)} signals`,
    false,
    atMost('itself', 'reopenAndQueryMs', 4_000),
  ),
  {
    name: `list-${million}`,
    title: (workflows) => `pages of the list of ${workflowsText(workflows)}, one after the other`,
    group,
    aims: [
      atMost('itself', 'p50Ms', 10),
      atMost('itself', 'typePageMs', 10),
      atMost('itself', 'attributePageMs', 10),
      atMost('itself', 'countMs', 10),
    ],
    workflows: million,
    measure: ({ dataDir, size, workflows }) => measureLists(dataDir, workflows, size),
  },
  longRun(
    'long-run-continued',
    `1 workflow with ${count(million)} signals that continues as new`,
    true,
    atMost('itself', 'reopenAndQueryMs', 10),
  ),
  {
    name: 'soak',
    title: 'mixed load for as long as is asked for',
    group: 'soak',
    aims: [
      atMost('itself', 'memoryGrowth', 1.1),
      atMost('itself', 'diskGrowth', 1.1),
      atMost('itself', 'overdueRuns', 0),
      atMost('itself', 'p50Growth', 1.2),
      atMost('itself', 'p99Growth', 1.5),
    ],
    workflows: 1_000,
    measure: ({ dataDir, size, workflows }) => measureSoak(dataDir, workflows, size),
  },
]
