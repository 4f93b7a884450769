import { decode, encode } from '../actors/records.ts'
import type { ActivityTask } from './activity-task.ts'
import type { EngineParts } from './engine-parts.ts'
import { activityKey, activityOfKey, RowTable, tableRange } from './row-keys.ts'
import type { Run } from './run.ts'

/** Take up the activities that had no outcome; those of closed runs leave the journal. */
export function recoverActivities(
  { journal, activities, committer }: EngineParts,
  readRun: (key: number) => Run | undefined,
): void {
  let task: ActivityTask | undefined
  const recover = (): void => {
    if (task !== undefined) activities.recover(task)
    task = undefined
  }
  for (const [key, value] of journal.rows(tableRange(RowTable.activity))) {
    const { run, isCancel } = activityOfKey(key)
    if (isCancel) {
      if (task !== undefined) task = { ...task, cancelRequested: true }
      continue
    }
    recover()
    const owner = readRun(run)
    if (owner?.isOpen !== true) {
      committer.deleteRow(key)
      continue
    }
    if (owner.isPaused) activities.hold(run, true)
    task = decode<ActivityTask>(value)
  }
  recover()
}

/** Journal how far an activity got. Resolves when that is durable. */
export function saveActivity({ runs, committer }: EngineParts, task: ActivityTask): Promise<void> {
  const { run, command } = task
  // A run that has closed has dropped its rows; one written now would stay for ever.
  if (runs.byKey(run)?.hasActivity(command.seq) !== true) return Promise.resolve()
  committer.putRow(activityKey(run, command.seq), encode(task))
  return committer.durable
}
