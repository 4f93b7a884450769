import type {
  CancelChildCommand,
  CancelExternalCommand,
  SignalExternalCommand,
  StartChildCommand,
} from '../actors/commands.ts'
import type {
  ChildResolvedInput,
  ChildStartedInput,
  ExternalCancelResolvedInput,
  ExternalSignalResolvedInput,
} from '../actors/inputs.ts'
import type { ChildLink } from './child-link.ts'

/** A command of one run that acts on another. */
export type LinkedCommand =
  StartChildCommand | CancelChildCommand | SignalExternalCommand | CancelExternalCommand

/** News of another workflow for the run that caused it. Its time is that of its acceptance. */
export type LinkedInput =
  ChildStartedInput | ChildResolvedInput | ExternalSignalResolvedInput | ExternalCancelResolvedInput

/**
 * What one run does to another. Plain data: while the run that it is for is closing it rests in the
 * journal, and is done once it is known what has become of that run.
 */
export type LinkedEffect =
  /** A command of run `from`. */
  | { readonly kind: 'command'; readonly from: number; readonly command: LinkedCommand }
  /** Run `from` has closed: its parent close policy for one child. */
  | { readonly kind: 'parentClosed'; readonly from: number; readonly link: ChildLink }
  /** News for run `to`. */
  | { readonly kind: 'news'; readonly to: number; readonly input: LinkedInput }
