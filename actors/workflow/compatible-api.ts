import type { Duration } from './duration.ts'

/**
 * All that channels, selectors and locks are made of: a few names of `@temporalio/workflow`, and a hook
 * that only signalbox has. `signalbox/workflow` binds signalbox's own, `signalbox/channels` those of
 * whatever `@temporalio/workflow` the file is bundled with, so that the same code runs on Temporal.
 */
export interface CompatibleApi {
  condition(predicate: () => boolean): Promise<void>
  condition(predicate: () => boolean, timeout: Duration): Promise<boolean>
  /** Have `handler` called with the arguments of each signal of that name. */
  handleSignal(name: string, handler: (...args: unknown[]) => void): void
  warn(message: string, attributes: Record<string, unknown>): void
  readonly hook?: ChannelHook
}

/** What signalbox knows of a run for its channels. */
export interface ChannelHook {
  /** The run's channels by name: modules of the API are shared by all runs of a context. */
  channels(): Map<string, unknown>
  /** The input number of the signal whose handler is being called. */
  currentSignalSeq(): number | undefined
  /** Have `source` asked for the numbers of signals to carry over when the run continues as new. */
  carry(source: () => readonly number[]): void
  /** The names of signals that wait for a handler. */
  unhandledSignalNames(): readonly string[]
}

export let api: CompatibleApi

export function bindCompatibleApi(given: CompatibleApi): void {
  api = given
}
