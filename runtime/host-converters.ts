import { Converters } from '../actors/converters.ts'
import type { DataConverterOptions } from './data-converter-options.ts'
import { SignalboxError } from './errors.ts'
import { importShared } from './import-source.ts'

/**
 * What the host converts with: clients and activities. Undefined where it does so by default.
 *
 * @throws SIGNALBOX_ERR_INVALID_OPTION if a file cannot be loaded or does not export its converter
 */
export async function loadHostConverters(
  options: DataConverterOptions,
): Promise<Converters | undefined> {
  const { payloadConverterPath, failureConverterPath } = options
  if (payloadConverterPath === undefined && failureConverterPath === undefined) return undefined
  const payloads = await exportOf('payloadConverter', payloadConverterPath)
  const failures = await exportOf('failureConverter', failureConverterPath)
  try {
    return new Converters(payloads, failures)
  } catch (error) {
    throw unusable('dataConverter', error instanceof Error ? error.message : String(error), error)
  }
}

async function exportOf(name: string, path: string | URL | undefined): Promise<unknown> {
  if (path === undefined) return undefined
  const option = `dataConverter.${name}Path`
  let exported: Record<string, unknown>
  try {
    exported = await importShared(String(path))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw unusable(option, `${String(path)} cannot be loaded: ${reason}`, error)
  }
  if (exported[name] === undefined) {
    throw unusable(option, `${String(path)} does not have a \`${name}\` named export`)
  }
  return exported[name]
}

function unusable(option: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `option ${option}: ${problem}`, {
    fields: { option },
    ...(cause === undefined ? {} : { cause }),
  })
}
