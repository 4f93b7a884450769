import type { ActivityInterceptorsFactory } from './activity/interceptors.ts'
import { SignalboxError } from './errors.ts'
import { importShared } from './import-source.ts'

/**
 * The factories that modules export as `interceptors`, for the thread that loads them.
 *
 * @throws SIGNALBOX_ERR_INVALID_OPTION if one cannot be loaded or exports none
 */
export async function loadActivityInterceptors(
  files: readonly string[],
): Promise<readonly ActivityInterceptorsFactory[]> {
  return Promise.all(files.map(load))
}

async function load(file: string): Promise<ActivityInterceptorsFactory> {
  let exported: unknown
  try {
    exported = (await importShared(file))['interceptors']
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw unusable(`${file} cannot be loaded: ${reason}`, error)
  }
  if (typeof exported === 'function') return exported as ActivityInterceptorsFactory
  throw unusable(`${file} does not export a function \`interceptors\``)
}

function unusable(problem: string, cause?: unknown): SignalboxError {
  const option = 'interceptors.activityModules'
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `option ${option}: ${problem}`, {
    fields: { option },
    ...(cause === undefined ? {} : { cause }),
  })
}
