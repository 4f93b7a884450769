import { Counter, Gauge, type Registry } from 'prom-client'
import { INPUT_KINDS, type RuntimeStats } from '../runtime/runtime-stats.ts'
import type { WorkflowStatus } from '../runtime/workflow-service.ts'
import { packageVersion } from './package-version.ts'

type Labels = Readonly<Record<string, string | number>>
type Sample = readonly [labels: Labels, value: number]
type Read = (stats: RuntimeStats) => number | readonly Sample[]

interface MetricDefinition {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: Read
}

const STATES: readonly RuntimeStats['state'][] = [
  'recovering',
  'serving',
  'draining',
  'poisoned',
  'closed',
]

const STATUSES = [
  'COMPLETED',
  'FAILED',
  'CANCELED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
] as const satisfies readonly WorkflowStatus[]

const ofSlots =
  (read: (slot: RuntimeStats['slots'][number]) => number): Read =>
  ({ slots }) =>
    slots.map((slot) => [{ slot: slot.index }, read(slot)])

/** What is counted anyway, and read when somebody asks. docs/operations.md has all of them. */
const definitions: Readonly<Record<string, MetricDefinition>> = {
  signalbox_state: {
    type: 'gauge',
    help: '1 for the state that the runtime is in, 0 for the others.',
    labels: ['state'],
    read: (stats) => STATES.map((state) => [{ state }, state === stats.state ? 1 : 0]),
  },
  signalbox_inputs_accepted_total: {
    type: 'counter',
    help: 'Inputs accepted into mailboxes, by what they are: signals, starts, updates, results, timers.',
    labels: ['kind'],
    read: ({ inputs }) => INPUT_KINDS.map((kind) => [{ kind }, inputs.accepted[kind]]),
  },
  signalbox_inputs_processed_total: {
    type: 'counter',
    help: 'Inputs whose turns have ended.',
    read: ({ inputs }) => inputs.processed,
  },
  signalbox_inputs_waiting: {
    type: 'gauge',
    help: 'Inputs in all mailboxes, accepted and not processed: limits.maxWaitingInputs bounds them.',
    read: ({ inputs }) => inputs.waiting,
  },
  signalbox_uncommitted_bytes: {
    type: 'gauge',
    help: 'Bytes accepted and not durable yet: limits.maxUncommittedBytes bounds them.',
    read: ({ inputs }) => inputs.uncommittedBytes,
  },
  signalbox_rejected_total: {
    type: 'counter',
    help: 'Calls that were refused before anything was written, by operation and error code.',
    labels: ['operation', 'code'],
    read: ({ rejected }) =>
      rejected.map(({ operation, code, count }) => [{ operation, code }, count]),
  },
  signalbox_commits_total: {
    type: 'counter',
    help: 'Commits of the journal.',
    read: ({ commits }) => commits.count,
  },
  signalbox_commit_records_total: {
    type: 'counter',
    help: 'Records in commits: of inputs, commands and progress.',
    read: ({ commits }) => commits.records,
  },
  signalbox_turns_total: {
    type: 'counter',
    help: 'Turns of a slot, replayed ones and queries included.',
    labels: ['slot'],
    read: ofSlots(({ turns }) => turns),
  },
  signalbox_slot_up: {
    type: 'gauge',
    help: '1 if the worker of a slot is up, 0 while it is replaced.',
    labels: ['slot'],
    read: ofSlots(({ ready }) => (ready ? 1 : 0)),
  },
  signalbox_slot_restarts_total: {
    type: 'counter',
    help: 'Workers of a slot that died or were ended, and were replaced.',
    labels: ['slot'],
    read: ofSlots(({ deaths }) => deaths),
  },
  signalbox_slot_outstanding_bytes: {
    type: 'gauge',
    help: 'Bytes sent to a slot and not handled yet: limits.slotWindowBytes bounds them.',
    labels: ['slot'],
    read: ofSlots(({ outstandingBytes }) => outstandingBytes),
  },
  signalbox_cached_workflows: {
    type: 'gauge',
    help: 'Workflows with a live actor: limits.maxCachedWorkflows bounds them.',
    read: ({ runs }) => runs.cached,
  },
  signalbox_runs_in_memory: {
    type: 'gauge',
    help: 'Runs that the host has in memory.',
    read: ({ runs }) => runs.inMemory,
  },
  signalbox_replays_total: {
    type: 'counter',
    help: 'Actors built by doing their history again.',
    read: ({ runs }) => runs.replays,
  },
  signalbox_replayed_inputs_total: {
    type: 'counter',
    help: 'Inputs done again to build actors.',
    read: ({ runs }) => runs.replayedInputs,
  },
  signalbox_parked_runs: {
    type: 'gauge',
    help: 'Runs whose turn failed as a workflow task fails, and that wait to try it again.',
    read: ({ runs }) => runs.parked,
  },
  signalbox_parks_total: {
    type: 'counter',
    help: 'Turns that failed as a workflow task fails.',
    read: ({ runs }) => runs.parks,
  },
  signalbox_quarantined_runs: {
    type: 'gauge',
    help: 'Runs that are not tried again until somebody releases or terminates them.',
    read: ({ runs }) => runs.quarantined,
  },
  signalbox_quarantines_total: {
    type: 'counter',
    help: 'Runs that were quarantined.',
    read: ({ runs }) => runs.quarantines,
  },
  signalbox_workflows_closed_total: {
    type: 'counter',
    help: 'Runs that closed, by status. Those started are inputs accepted of the kind start.',
    labels: ['status'],
    read: ({ runs }) =>
      STATUSES.map((status) => [{ status: status.toLowerCase() }, runs.closed[status] ?? 0]),
  },
  signalbox_timers_near: {
    type: 'gauge',
    help: 'Timers due within about a minute. Later ones are in the journal alone, and are not counted.',
    read: ({ timers }) => timers.near,
  },
  signalbox_timers_fired_total: {
    type: 'counter',
    help: 'Timers of workflows that fired.',
    read: ({ timers }) => timers.fired,
  },
  signalbox_timer_lateness_seconds: {
    type: 'gauge',
    help: 'How long the next timer has been due.',
    read: ({ timers }) => timers.lateMs / 1000,
  },
  signalbox_activities_pending: {
    type: 'gauge',
    help: 'Activities without an outcome: they run, or wait for a place or for their next attempt.',
    read: ({ activities }) => activities.pending,
  },
  signalbox_activities_running: {
    type: 'gauge',
    help: 'Activity functions that run.',
    read: ({ activities }) => activities.running,
  },
  signalbox_activities_queued: {
    type: 'gauge',
    help: 'Activities that are due and wait for one of limits.maxConcurrentActivities places.',
    read: ({ activities }) => activities.queued,
  },
  signalbox_activity_retries_total: {
    type: 'counter',
    help: 'Attempts of activities that failed and are followed by another.',
    read: ({ activities }) => activities.retries,
  },
  signalbox_activities_total: {
    type: 'counter',
    help: 'Activities that ended, by type and outcome. Types without a function are counted as other.',
    labels: ['activity_type', 'outcome'],
    read: ({ activities }) =>
      activities.outcomes.map(({ activityType, outcome, count }) => [
        { activity_type: activityType, outcome },
        count,
      ]),
  },
}

/** Register the metrics that are read from `stats` when they are collected. */
export function registerRuntimeMetrics(registry: Registry, stats: () => RuntimeStats): void {
  const read = oncePerTick(stats)
  for (const [name, { type, help, labels = [], read: readMetric }] of Object.entries(definitions)) {
    const config = { name, help, labelNames: [...labels], registers: [registry] }
    const samples = (): readonly Sample[] => {
      const found = readMetric(read())
      return typeof found === 'number' ? [[{}, found]] : found
    }
    if (type === 'counter') {
      // oxlint-disable-next-line no-new -- it registers itself
      new Counter({
        ...config,
        collect() {
          this.reset()
          for (const [sampleLabels, value] of samples()) this.inc({ ...sampleLabels }, value)
        },
      })
    } else {
      // oxlint-disable-next-line no-new -- it registers itself
      new Gauge({
        ...config,
        collect() {
          this.reset()
          for (const [sampleLabels, value] of samples()) this.set({ ...sampleLabels }, value)
        },
      })
    }
  }
  new Gauge({
    name: 'signalbox_build_info',
    help: 'Always 1; the label is the version.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: packageVersion() }, 1)
}

/** All metrics of a scrape are of the same moment. */
function oncePerTick<T>(read: () => T): () => T {
  let kept: { readonly value: T } | undefined
  return () => {
    if (kept === undefined) {
      kept = { value: read() }
      queueMicrotask(() => {
        kept = undefined
      })
    }
    return kept.value
  }
}
