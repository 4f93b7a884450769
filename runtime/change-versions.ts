import type { Payload } from '../actors/payload.ts'
import type { PatchMark } from '../actors/protocol.ts'

/** The search attribute that lists a run's patches, by which old runs are found. */
export const CHANGE_VERSION = 'TemporalChangeVersion'

const metadata = {
  encoding: new TextEncoder().encode('json/plain'),
  type: new TextEncoder().encode('KeywordList'),
}

export function changeVersionPayload(patchIds: readonly string[]): Payload {
  return { metadata, data: new TextEncoder().encode(JSON.stringify(patchIds)) }
}

/** The list as a run's row has it; undefined without patches that are listed. */
export function changeVersionsOf(marks: readonly PatchMark[] | undefined): Payload | undefined {
  // Once the list had become too long it was left as it was.
  const listed = marks?.filter(([, , , events]) => events > 1).map(([patchId]) => patchId) ?? []
  return listed.length === 0 ? undefined : changeVersionPayload(listed.sort())
}
