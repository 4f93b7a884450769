import { InputKind } from '../actors/inputs.ts'
import type { EngineParts } from './engine-parts.ts'
import { INPUT_KINDS, type InputKindName, type RuntimeStats } from './runtime-stats.ts'
import type { SlotSupervisor } from './slot-supervisor.ts'
import type { Timers } from './timers.ts'

const NAMES: Readonly<Record<(typeof InputKind)[keyof typeof InputKind], InputKindName>> = {
  [InputKind.started]: 'start',
  [InputKind.signaled]: 'signal',
  [InputKind.updateRequested]: 'update',
  [InputKind.cancelRequested]: 'cancel',
  [InputKind.timerFired]: 'timer',
  [InputKind.activityResolved]: 'activity',
  [InputKind.localActivityResolved]: 'activity',
  [InputKind.childStarted]: 'child',
  [InputKind.childResolved]: 'child',
  [InputKind.externalSignalResolved]: 'external',
  [InputKind.externalCancelResolved]: 'external',
  [InputKind.terminated]: 'close',
  [InputKind.timedOut]: 'close',
  [InputKind.paused]: 'pause',
  [InputKind.unpaused]: 'pause',
  [InputKind.reset]: 'reset',
}

/** What an engine has counted, and where it stands. Looks at no run, so it costs the same with any number of them. */
export function collectStats(
  { acceptor, activities, committer, dispatcher, runs, telemetry }: EngineParts,
  state: RuntimeStats['state'],
  slots: readonly SlotSupervisor[],
  timers: Timers,
): RuntimeStats {
  const { queues } = activities
  return {
    state,
    inputs: {
      accepted: namedCounts(telemetry.acceptedInputs),
      processed: telemetry.processedInputs,
      waiting: acceptor.waitingInputs,
      uncommittedBytes: committer.uncommittedBytes,
    },
    rejected: telemetry.rejections,
    commits: {
      count: telemetry.commits,
      records: telemetry.committedRecords,
      inputs: telemetry.committedInputs,
    },
    runs: {
      inMemory: runs.size,
      cached: dispatcher.residents,
      replays: telemetry.replays,
      replayedInputs: telemetry.replayedInputs,
      parked: telemetry.parkedRuns(),
      parks: telemetry.parks,
      quarantined: telemetry.quarantined.size,
      quarantines: telemetry.quarantines,
      closed: { ...telemetry.closed },
    },
    slots: slots.map((slot) => slot.stats),
    timers: { near: timers.near, fired: timers.fired, lateMs: timers.lateMs },
    activities: {
      pending: activities.size,
      running: queues.reduce((sum, { running }) => sum + running, 0),
      queued: queues.reduce((sum, { waiting }) => sum + waiting, 0),
      retries: telemetry.activityRetries,
      outcomes: telemetry.outcomes,
    },
  }
}

function namedCounts(byKind: Float64Array): Record<InputKindName, number> {
  const counts = Object.fromEntries(INPUT_KINDS.map((name) => [name, 0])) as Record<
    InputKindName,
    number
  >
  for (const [kind, name] of Object.entries(NAMES)) counts[name] += byKind[Number(kind)] as number
  return counts
}
