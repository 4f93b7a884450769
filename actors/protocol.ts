import type { QueryRequest, SandboxSettings, TurnError, WorkflowBundle } from './turns.ts'

/** The body of an `open` frame: what an actor must know before its first input. */
export interface OpenBody {
  /** The run is closed: nothing beyond the turns that have ended is ever handled. */
  readonly closed: boolean
  /** It is to note where it waits. */
  readonly traced?: boolean
  /** Inputs that were, or are to be, handled as one activation: first and last number. */
  readonly groups: readonly (readonly [first: number, last: number])[]
  /** When the first turn was begun, if not at the start. */
  readonly firstTurnTime?: number | undefined
  /** The patch markers that the journal has, by the turns that issued them. */
  readonly patches?: readonly PatchMark[] | undefined
}

/** A patch marker of a run's history. */
export type PatchMark = readonly [
  patchId: string,
  /** The last input of the turn that issued it. */
  seq: number,
  deprecated: boolean,
  /** 2 if the search attribute TemporalChangeVersion was changed along with it, else 1. */
  events: number,
]

/** The body of a `query` frame. */
export interface QueryBody {
  /** The last input that the answer must reflect. */
  readonly after: number
  readonly request: QueryRequest
}

/** What the pool hands a slot's worker when it starts. */
export interface SlotStart {
  readonly port: import('node:worker_threads').MessagePort
  readonly bundle: WorkflowBundle
  readonly settings?: SandboxSettings
  /** Where the slot publishes what it is doing; see {@link StatusField}. */
  readonly status: SharedArrayBuffer
  /** After an unclean exit: where to name the run about to have a turn; see turn-marker.ts. */
  readonly marker?: { readonly path: string; readonly slot: number }
}

/**
 * The slot's status: float64 values that the host reads without asking, so that it can tell which
 * run a stuck or dead worker was in.
 */
export const StatusField = {
  /** Grows with every turn, each input of a turn that has several, every query and actor that is built. */
  turns: 0,
  /** The run in whose code the worker is, or 0. */
  run: 1,
  /** 1 while that code answers a query. */
  query: 2,
} as const
export const STATUS_BYTES = 24

/** What a slot posts to the host. */
export interface SlotReport {
  /** Frames, possibly none. */
  readonly frames: Uint8Array
  /** Bytes of frames from the host that have been handled since the last report. */
  readonly consumed: number
  /** In the first report: the workflow types that the bundle exports. */
  readonly workflowTypes?: readonly string[]
  /** In the first report: how long the top level of the workflow code takes, in milliseconds; each run does it once. */
  readonly loadMs?: number
}

/** What a worker resolves to its pool when its port was closed by the host, or its code does not load. */
export interface SlotEnd {
  readonly turns: number
  /** What the code threw when it was loaded. In parts: an error loses its name on the way to the host. */
  readonly loadError?: TurnError
}
