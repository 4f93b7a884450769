import type { ScheduleActivityCommand, ScheduleLocalActivityCommand } from '../commands.ts'
import type { ActivityResolution, LocalActivityResolution } from '../inputs.ts'
import type { Activator } from './activator.ts'
import { CancellationScope } from './cancellation-scope.ts'
import { PendingActivity, PendingLocalActivity } from './pending.ts'

let activityTypes: ReadonlySet<string> = new Set()

/** Which activities the runtime has; the host tells each context. */
export function setActivityTypes(types: ReadonlySet<string>): void {
  activityTypes = types
}

/** Whether the runtime has a function for a local activity of this type. */
export function knowsActivity(activityType: string): boolean {
  return activityTypes.has(activityType) || activityTypes.has('default')
}

type MakePending<C> = new (
  activator: Activator,
  command: C,
  scope: CancellationScope,
  resolve: (result: unknown) => void,
  reject: (reason: unknown) => void,
) => PendingActivity | PendingLocalActivity

/** The activities that a run waits for. Regular and local ones are numbered together. */
export class ActivityCalls {
  readonly #activator: Activator
  readonly #pending = new Map<number, PendingActivity | PendingLocalActivity>()
  #next = 1

  constructor(activator: Activator) {
    this.#activator = activator
  }

  /** The number of the next activity; taken whether or not the activity is scheduled. */
  takeSeq(): number {
    return this.#next++
  }

  has(seq: number): boolean {
    return this.#pending.has(seq)
  }

  /** Schedule the activity that `make` describes, unless the current scope is cancelled. */
  schedule(make: () => ScheduleActivityCommand): Promise<unknown> {
    return this.#schedule(make, PendingActivity)
  }

  /** As {@link schedule}, for a local activity. */
  scheduleLocal(make: () => ScheduleLocalActivityCommand): Promise<unknown> {
    return this.#schedule(make, PendingLocalActivity)
  }

  #schedule<C extends ScheduleActivityCommand | ScheduleLocalActivityCommand>(
    make: () => C,
    Pending: MakePending<C>,
  ): Promise<unknown> {
    const scope = CancellationScope.current()
    return new Promise((resolve, reject) => {
      // Before the command is made: in a cancelled scope bad arguments are no error.
      if (scope.consideredCancelled) {
        scope.register({ cancelled: reject })
        return
      }
      const command = make()
      const activity = new Pending(this.#activator, command, scope, resolve, reject)
      activity.begin()
      this.#activator.push(command)
      this.#pending.set(command.seq, activity)
    })
  }

  resolve(seq: number, resolution: ActivityResolution): void {
    const activity = this.#pending.get(seq)
    if (activity === undefined) return
    this.#pending.delete(seq)
    activity.resolve(resolution)
  }

  resolveLocal(seq: number, resolution: LocalActivityResolution): void {
    const activity = this.#pending.get(seq)
    if (!(activity instanceof PendingLocalActivity)) return
    this.#pending.delete(seq)
    activity.resolve(resolution)
  }

  /** Cancellation of a pending activity, by its cancellation type. */
  cancel(activity: PendingActivity): void {
    const { command } = activity
    const { seq } = command
    if (!this.#pending.has(seq)) return
    // What was never sent need not be cancelled: neither command leaves the turn.
    const withdrawn = this.#activator.withdraw('scheduleActivity', seq)
    if (!withdrawn && command.cancellationType !== 'ABANDON') {
      this.#activator.push({ kind: 'requestCancelActivity', seq })
    }
    if (withdrawn || command.cancellationType !== 'WAIT_CANCELLATION_COMPLETED') {
      const failure = activity.cancelledFailure()
      this.#activator.localResolutions.push(() => {
        this.resolve(seq, { status: 'cancelled', failure, attempt: 1 })
      })
    }
  }

  /**
   * Cancellation of a pending local activity, by its cancellation type. One that was issued in this
   * very turn has not begun, and is over at once whatever its type.
   */
  cancelLocal(activity: PendingLocalActivity): void {
    const { command } = activity
    const { seq, activityId, activityType, attempt, originalScheduleTime } = command
    if (!this.#pending.has(seq)) return
    const hasBegun = !this.#activator.commands.includes(command)
    if (hasBegun && command.cancellationType === 'WAIT_CANCELLATION_COMPLETED') {
      this.#activator.push({ kind: 'cancelLocalActivity', seq })
      return
    }
    const abandoned = command.cancellationType === 'ABANDON'
    this.#activator.push({
      kind: 'cancelLocalActivity',
      seq,
      resolved: {
        activityId,
        activityType,
        attempt,
        abandoned: abandoned && hasBegun,
        ...(originalScheduleTime === undefined ? {} : { originalScheduleTime }),
      },
    })
    const failure = activity.cancelledFailure()
    this.#activator.localResolutions.push(() => {
      this.resolveLocal(seq, { status: 'cancelled', failure, attempt })
    })
  }
}
