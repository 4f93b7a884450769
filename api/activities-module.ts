import { checkActivitiesFile } from '../runtime/check-activities-file.ts'
import { SignalboxError } from '../runtime/errors.ts'
import { filePath } from '../runtime/file-path.ts'
import { ImportFailure } from '../runtime/import-failure.ts'
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
  const file = filePath(path)
  checkActivitiesFile(file)
  const module = await importSource(file).catch((error: unknown) => {
    const failure = ImportFailure.from(error)
    throw unusable(file, `cannot be loaded: ${failure.message}`, failure)
  })
  const functions = Object.entries(module).filter(
    (entry): entry is [string, (...args: never[]) => unknown] => typeof entry[1] === 'function',
  )
  if (functions.length === 0) throw unusable(file, 'exports no function')
  return Object.fromEntries(functions)
}

function unusable(file: string, problem: string, failure?: ImportFailure): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `activities file ${file} ${problem}`, {
    fields: { option: 'activities', file, ...failure?.fields },
    ...(failure === undefined ? {} : { cause: failure.cause }),
  })
}
