import type { Converters } from '../converters.ts'

/** What a run has when its bundle has more than workflows. Most have none of it. */
export interface RunExtensions {
  readonly converters: Converters | undefined
}
