import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MARK_BYTES } from '../actors/turn-marker.ts'

const FILE_NAME = 'turns'

/**
 * The file in which slots name the run about to have a turn, for the session after an unclean exit
 * (see actors/turn-marker.ts). It is there while a runtime has the folder open; found at open, it says
 * that the one before did not close.
 */
export interface TurnMarks {
  readonly path: string
  /** The runtime before this one ended without closing: turns are to be marked. */
  readonly afterUncleanExit: boolean
  /** The runs in whose turns the process was when it ended. */
  readonly suspects: readonly number[]
  /** After a clean close there is nothing to suspect. */
  remove(): void
}

/** The data folder must be owned by this process. */
export function openTurnMarks(dataDir: string, slots: number): TurnMarks {
  const path = join(dataDir, FILE_NAME)
  const afterUncleanExit = existsSync(path)
  const suspects = afterUncleanExit ? readMarks(path) : []
  writeFileSync(path, Buffer.alloc(slots * MARK_BYTES), { mode: 0o600 })
  return { path, afterUncleanExit, suspects, remove: () => rmSync(path, { force: true }) }
}

function readMarks(path: string): readonly number[] {
  const bytes = readFileSync(path)
  const runs = new Set<number>()
  for (let at = 0; at + MARK_BYTES <= bytes.length; at += MARK_BYTES) {
    const run = bytes.readDoubleLE(at)
    if (Number.isSafeInteger(run) && run > 0) runs.add(run)
  }
  return [...runs]
}
