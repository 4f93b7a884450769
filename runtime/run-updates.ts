import type { UpdateOutcome } from '../actors/commands.ts'
import type { UpdateStage } from './workflow-service.ts'

/** How far an update is; with the outcome once it has one. */
export interface UpdateState {
  readonly stage: UpdateStage
  readonly outcome?: UpdateOutcome | undefined
}

/** Someone who waits until an update is at least this far. */
export interface UpdateWaiter {
  readonly stage: UpdateStage
  readonly resolve: (state: UpdateState) => void
  readonly reject: (error: Error) => void
  /** Makes the request anew, of a workflow id: its run has continued as new before it accepted the update. */
  readonly again?: (() => void) | undefined
}

/** An update without a recorded outcome. */
export interface LiveUpdate {
  readonly id: string
  /** As the journal has it. */
  stage: Exclude<UpdateStage, 'COMPLETED'>
  /** The request is in the journal. */
  durable: boolean
  waiters: UpdateWaiter[]
}

/** The updates of one run, as far as they are not over; see update-registry.ts. */
export class RunUpdates {
  readonly live = new Map<string, LiveUpdate>()
  /** All that the run was ever asked for. */
  total = 0

  /** May its run's object be forgotten? */
  get isIdle(): boolean {
    for (const { waiters, durable } of this.live.values()) {
      if (!durable || waiters.length > 0) return false
    }
    return true
  }
}

const STAGES: readonly UpdateStage[] = ['ADMITTED', 'ACCEPTED', 'COMPLETED']

export function hasReached(stage: UpdateStage, wanted: UpdateStage): boolean {
  return STAGES.indexOf(stage) >= STAGES.indexOf(wanted)
}

export function stageNumber(stage: UpdateStage): number {
  return STAGES.indexOf(stage) + 1
}

export function stageOf(number: number): UpdateStage {
  return STAGES[number - 1] ?? 'ADMITTED'
}
