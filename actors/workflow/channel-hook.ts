import { assertInWorkflowContext } from './current-run.ts'

/** What signalbox knows of a run for its channels. */
interface ChannelHook {
  /** The run's channels by name: modules of the API are shared by all runs of a context. */
  channels(): Map<string, unknown>
  /** The input number of the signal whose handler is being called. */
  currentSignalSeq(): number | undefined
  /** Have `source` asked for the numbers of signals to carry over when the run continues as new. */
  carry(source: () => readonly number[]): void
}

export const channelHook: ChannelHook | undefined = {
  channels: () => assertInWorkflowContext().channels,
  currentSignalSeq: () => assertInWorkflowContext().handlers.currentSignalSeq,
  carry: (source) => assertInWorkflowContext().handlers.addCarriedSource(source),
}
