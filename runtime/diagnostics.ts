import { channel } from 'node:diagnostics_channel'
import type { WorkflowStatus } from './workflow-service.ts'

/** Which runtime a message is of: the same object in all of its messages, and its {@link Runtime.source}. */
export interface DiagnosticsSource {
  readonly dataDir: string
}

interface FromRuntime {
  readonly source: DiagnosticsSource
}

/** Which run a message is about. */
interface OfRun extends FromRuntime {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  readonly workflowType: string
}

export type ActivityOutcomeName = 'completed' | 'failed' | 'timed_out' | 'cancelled'

/**
 * What signalbox tells on `node:diagnostics_channel`, by the channel's name. Messages of the way of a
 * signal are one for each commit, message to a slot and report of a slot, never one for each signal;
 * nothing is made or measured while nobody listens. Times are in milliseconds. A listener is called in
 * the middle of the engine's work: it must be quick, and must not call the runtime.
 */
export interface DiagnosticsMessages {
  /** A commit is durable and its senders are about to be told. */
  readonly 'signalbox:commit': FromRuntime & {
    /** Signals, results and all else that workflows are to handle. */
    readonly inputs: number
    /** Of inputs, commands and progress. */
    readonly records: number
    /** What the journal took to make it durable. */
    readonly durationMs: number
    /** From the acceptance of its first input until now: no input of it waited longer. 0 without inputs. */
    readonly ackMs: number
  }
  /** A message was posted to a slot. */
  readonly 'signalbox:deliver': FromRuntime & { readonly slot: number; readonly bytes: number }
  /** A slot reported what came of its turns. */
  readonly 'signalbox:turn': FromRuntime & {
    readonly slot: number
    /** Turns, replayed ones and queries included, since its last report. */
    readonly turns: number
    /** Of inputs that it has done with since then. */
    readonly bytes: number
  }
  /** The turn of an input that stands for its commit has ended: one sample a commit at most. */
  readonly 'signalbox:processed': FromRuntime & {
    /** From the acceptance of its commit's first input until its own turn ended. */
    readonly durationMs: number
    /** How many inputs it stands for. */
    readonly inputs: number
  }
  /** A call was refused, and nothing of it was written. */
  readonly 'signalbox:reject': FromRuntime & { readonly operation: string; readonly code: string }
  /** A run that was not in memory is built by doing its history again. */
  readonly 'signalbox:replay': OfRun & { readonly inputs: number }
  /** A turn failed as a workflow task fails; it is tried again at `nextAttemptTime`. */
  readonly 'signalbox:park': OfRun & {
    readonly reason: string
    readonly attempts: number
    readonly nextAttemptTime: number
  }
  /** A run is not tried again until it is released. */
  readonly 'signalbox:quarantine': OfRun & { readonly reason: string }
  readonly 'signalbox:close': OfRun & { readonly status: WorkflowStatus }
  /** A worker died or was ended, and is replaced. */
  readonly 'signalbox:slot-death': FromRuntime & { readonly slot: number; readonly reason: string }
  /** An activity has its outcome; failed attempts that are tried again have none. */
  readonly 'signalbox:activity': OfRun & {
    readonly activityType: string
    readonly outcome: ActivityOutcomeName
    readonly attempt: number
    readonly isLocal: boolean
    /** Since the workflow scheduled it. */
    readonly durationMs: number
  }
  /** Timers of workflows were due. */
  readonly 'signalbox:timers': FromRuntime & {
    readonly fired: number
    /** How long after its due time the first of them fired. */
    readonly lateMs: number
  }
  /** The runtime's state has changed. */
  readonly 'signalbox:state': FromRuntime & { readonly state: string; readonly error?: Error }
}

interface TypedChannel<Name extends keyof DiagnosticsMessages> {
  readonly hasSubscribers: boolean
  publish(message: DiagnosticsMessages[Name]): void
}

function typed<Name extends keyof DiagnosticsMessages>(name: Name): TypedChannel<Name> {
  return channel(name)
}

/** Ask `hasSubscribers` before a message is made. */
export const diagnostics = {
  commit: typed('signalbox:commit'),
  deliver: typed('signalbox:deliver'),
  turn: typed('signalbox:turn'),
  processed: typed('signalbox:processed'),
  reject: typed('signalbox:reject'),
  replay: typed('signalbox:replay'),
  park: typed('signalbox:park'),
  quarantine: typed('signalbox:quarantine'),
  close: typed('signalbox:close'),
  slotDeath: typed('signalbox:slot-death'),
  activity: typed('signalbox:activity'),
  timers: typed('signalbox:timers'),
  state: typed('signalbox:state'),
} as const
