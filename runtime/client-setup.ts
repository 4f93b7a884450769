import type { Converters } from '../actors/converters.ts'

/** What a client is set up with, beside its service. */
export interface ClientSetup {
  /** Undefined where the default ones convert. */
  readonly converters?: Converters | undefined
}
