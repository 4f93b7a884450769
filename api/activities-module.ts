import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { SignalboxError } from '../runtime/errors.ts'
import { importSource } from '../runtime/import-source.ts'

/**
 * The functions that a file exports, to be used as activities. JavaScript is imported as it is.
 * TypeScript is bundled first, since Node 20 cannot import it; packages are left out of the bundle
 * and found from the file's own folder. Stack traces name the lines of the source.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION if the file cannot be loaded or exports no
 *   function
 */
export async function loadActivities(
  path: string,
): Promise<Readonly<Record<string, (...args: never[]) => unknown>>> {
  const file = resolve(path)
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw unusable(path, 'cannot be read', error)
  })
  const module = await importSource(file).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw unusable(path, `cannot be loaded: ${reason}`, error)
  })
  const functions = Object.entries(module).filter(
    (entry): entry is [string, (...args: never[]) => unknown] => typeof entry[1] === 'function',
  )
  if (functions.length === 0) throw unusable(path, 'exports no function')
  return Object.fromEntries(functions)
}

function unusable(path: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `activities file ${path} ${problem}`, {
    fields: { option: 'activities', file: path },
    ...(cause === undefined ? {} : { cause }),
  })
}
