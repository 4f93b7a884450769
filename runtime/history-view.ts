import type { Command } from '../actors/commands.ts'
import type { Input } from '../actors/inputs.ts'
import type { HistoryEvent, WorkflowStatus } from './workflow-service.ts'

/** One activation as the journal has it, or an input that no turn has handled. */
export interface HistoryTurn {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly inputs: readonly Input[]
  readonly commands: readonly Command[]
  /** False for an input that waits, or that waited when its run was terminated or timed out. */
  readonly ended: boolean
}

/** What a history needs to know of its run beside the turns. */
export interface HistoryRun {
  readonly runId: string
  readonly status: WorkflowStatus
  /** The run that continues this one. */
  readonly newRunId?: string | undefined
  /** When the first turn was begun, if not at the start. */
  readonly executionTime?: number | undefined
  readonly closeTime?: number | undefined
}

/** Which events to build. The others are only counted. */
export interface HistoryWindow {
  /** The first event id; default 1. */
  readonly from?: number
  /** How many events at most; default all. */
  readonly limit?: number
  /** Only the event that closed the run. */
  readonly closeEventOnly?: boolean
  /** Leave out inputs that wait, whose ids may still change; default false. */
  readonly settledOnly?: boolean
}

/** A window on a history. */
export interface HistoryView {
  readonly events: readonly HistoryEvent[]
  /** How many events there are in all. */
  readonly length: number
  /** How many of them keep their ids: those of turns that have ended, and all of a closed run. */
  readonly settledLength: number
}
