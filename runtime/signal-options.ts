import type { SignalDefinition } from '../actors/workflow/definitions.ts'
import type { WaitFor } from './workflow-service.ts'

/** A signal with options, where its definition or name alone would do. */
export interface SignalOptions<Args extends unknown[] = unknown[]> {
  readonly signal: SignalDefinition<Args> | string
  /**
   * Makes a retry safe: the same id for the same workflow id is applied once, across crashes and
   * continue-as-new. The same id with another payload rejects with SIGNALBOX_ERR_REQUEST_ID_REUSED.
   */
  readonly requestId?: string
  /** Resolve once the signal is on disk (default), or once the workflow has handled it as well. */
  readonly waitFor?: WaitFor
  /**
   * With `waitFor: 'processed'`, how long to wait for the turn, in milliseconds. When that is over, the
   * call resolves with `processed: false`: the signal is on disk and has yet to be handled. Default for
   * ever, however long the run is paused, delayed, parked or quarantined.
   */
  readonly timeoutMs?: number
  /** Ends the wait for the turn as `timeoutMs` does. */
  readonly abortSignal?: AbortSignal
}

/** Options of a signal that say how its wait may end before the turn. */
export type BoundedWait = { readonly waitFor: 'processed' } & (
  { readonly timeoutMs: number } | { readonly abortSignal: AbortSignal }
)

export function isSignalOptions<Args extends unknown[]>(
  signal: unknown,
): signal is SignalOptions<Args> {
  return typeof signal === 'object' && signal !== null && 'signal' in signal
}
