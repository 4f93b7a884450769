import type { ActivityResolution, LocalActivityResolution } from '../actors/inputs.ts'
import { FIRST_TURN_SEQ, RUN_TIMEOUT_SEQ } from './acceptor.ts'
import type { Settled } from './activity-ports.ts'
import { type ActivityTask, isLocal } from './activity-task.ts'
import type { EngineParts } from './engine-parts.ts'
import type { TimerRow } from './row-keys.ts'
import type { Run } from './run.ts'
import { activityNotFound } from './workflow-target.ts'

export interface OutcomePorts {
  /** A run by its number; undefined for none, and for one whose records cannot be read. */
  readonly readRun: (key: number) => Run | undefined
  /** Do a step of a run; what goes wrong in it concerns that run alone. */
  readonly guard: (run: Run, step: () => void) => void
}

/**
 * What comes of effects: timers that fire, activities that end. It is accepted as the run's next input.
 *
 * Guarantee: while a run closes its outcomes wait until that is decided. They go to the run if it stays
 * open; otherwise they are dropped, with the rows of its timers.
 */
export class EffectOutcomes {
  readonly #parts: Pick<
    EngineParts,
    'acceptor' | 'beginTurns' | 'closer' | 'committer' | 'options' | 'runs' | 'telemetry'
  >
  readonly #ports: OutcomePorts

  constructor(parts: EngineParts, ports: OutcomePorts) {
    this.#parts = parts
    this.#ports = ports
  }

  /** A timer's time has come: one of the workflow's, or one of the run itself. */
  fireTimer(timer: TimerRow): void {
    const { acceptor, committer, options, runs } = this.#parts
    if (committer.poisoned !== undefined) return
    let run: Run | undefined
    try {
      run = runs.byKey(timer.run)
    } catch (error) {
      // Neither open nor closed, as far as can be told: the timer stays as it is.
      options.logger.error({ run: timer.run, err: error }, 'a run cannot be read')
      return
    }
    if (run?.closing !== undefined) run.held.push(() => this.fireTimer(timer))
    else if (run?.isOpen === true) this.#fire(run, timer)
    else acceptor.forgetTimer(timer)
  }

  #fire(run: Run, timer: TimerRow): void {
    const { acceptor, closer } = this.#parts
    if (timer.seq === RUN_TIMEOUT_SEQ) {
      acceptor.forgetTimer(timer)
      this.#ports.guard(run, () => closer.timeOut(run))
    } else if (timer.seq !== FIRST_TURN_SEQ) acceptor.fireTimer(run, timer.seq, timer.dueTime)
    else if (run.row.delayed !== true) acceptor.forgetTimer(timer)
    else this.#parts.beginTurns(run)
  }

  /** An activity has its outcome. */
  resolveActivity(
    task: ActivityTask,
    resolution: LocalActivityResolution,
    settled: Settled | undefined,
  ): void {
    const { acceptor, committer, options, telemetry } = this.#parts
    const { poisoned } = committer
    if (poisoned !== undefined) return settled?.(poisoned)
    const run = this.#ports.readRun(task.run)
    if (run?.closing !== undefined) {
      run.held.push(() => this.resolveActivity(task, resolution, settled))
      return
    }
    if (run?.isOpen !== true) return settled?.(activityNotFound())
    telemetry.activityEnded(task, resolution, options.clock.now())
    const { seq } = task.command
    if (isLocal(task)) acceptor.resolveLocalActivity(run, seq, resolution)
    else acceptor.resolveActivity(run, seq, resolution as ActivityResolution)
    if (settled !== undefined) committer.durable.then(() => settled(), settled)
  }
}
