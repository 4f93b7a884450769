import { readFile, stat } from 'node:fs/promises'
import { SignalboxError } from '../runtime/errors.ts'
import type { ServeConfig } from './config-schema.ts'
import type { TlsOptions } from './tls.ts'

/** What `createServer({ tls })` takes, and where it came from. */
export interface TlsFiles extends TlsOptions {
  readonly files: { readonly cert: string; readonly key: string; readonly ca?: string | undefined }
  readonly warnings: readonly string[]
}

/**
 * Read the files that the configuration names.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a file that cannot be read
 */
export async function readTlsFiles(config: NonNullable<ServeConfig['tls']>): Promise<TlsFiles> {
  const { cert, key, ca, ...settings } = config
  const isOpen = process.platform !== 'win32' && ((await modeOf('tls.key', key)) & 0o077) !== 0
  return {
    ...settings,
    cert: await read('tls.cert', cert),
    key: await read('tls.key', key),
    ...(ca === undefined ? {} : { ca: await read('tls.ca', ca) }),
    files: { cert, key, ca },
    warnings: isOpen ? [`${key} can be read by others: chmod 600 it`] : [],
  }
}

async function modeOf(option: string, file: string): Promise<number> {
  const { mode } = await stat(file).catch((error: unknown) => {
    throw unreadable(option, file, error)
  })
  return mode
}

function read(option: string, file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw unreadable(option, file, error)
  })
}

function unreadable(option: string, file: string, cause: unknown): SignalboxError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SignalboxError(
    'SIGNALBOX_ERR_INVALID_OPTION',
    `${option}: ${file} cannot be read: ${reason}`,
    { fields: { option, file }, cause },
  )
}
