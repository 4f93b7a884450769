import { SignalboxError } from '../runtime/errors.ts'
import { readConfigFile } from './config-file.ts'
import type { ServeConfig } from './config-schema.ts'
import { type ServeDefaults, serveDefaults } from './serve-defaults.ts'
import { type TlsFiles, readTlsFiles } from './tls-files.ts'

/** What the command line and the environment say; undefined where they say nothing. */
export interface ServeFlags {
  readonly config?: string | undefined
  readonly workflows?: string | undefined
  readonly activities?: string | undefined
  readonly dataDir?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly backupDir?: string | undefined
  readonly retention?: ServeConfig['retention']
  readonly slots?: number | undefined
  readonly token?: string | undefined
  readonly logLevel?: ServeConfig['logLevel']
  readonly drainDelayMs?: number | undefined
  readonly drainTimeoutMs?: number | undefined
}

/** The configuration with everything that `serve` cannot do without. */
export interface ServeOptions
  extends Omit<ServeConfig, keyof ServeDefaults | 'tls'>, ServeDefaults {
  readonly workflows: string
  readonly dataDir: string
  /** A token that may do everything: beside `tokens`. */
  readonly token: string | undefined
  readonly tls?: TlsFiles
  /** Files that should not be open to others as they are. */
  readonly warnings: readonly string[]
}

/**
 * What holds: flags before environment variables before the configuration file before the defaults.
 * Commander has put the first two together.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a file that cannot be used, and if there are
 *   no workflows or no data folder
 */
export async function resolveServeOptions(
  { config: given, token, ...flags }: ServeFlags,
  folder: string,
): Promise<ServeOptions> {
  const file = await readConfigFile(given, folder)
  // An empty variable in the environment says nothing.
  const said = Object.entries(flags).filter(([, value]) => value !== undefined && value !== '')
  const merged: ServeDefaults & ServeConfig = {
    ...serveDefaults,
    ...file?.config,
    ...Object.fromEntries(said),
  }
  const { workflows, dataDir, tls: tlsConfig, ...rest } = merged
  if (workflows === undefined) throw missing('workflows', '--workflows <file>')
  if (dataDir === undefined) throw missing('dataDir', '--data-dir <folder>')
  const tls = tlsConfig === undefined ? undefined : await readTlsFiles(tlsConfig)
  const warnings = tls === undefined ? [] : [...tls.warnings]
  if (file?.isWritableByAll === true) warnings.push(`${file.file} can be changed by everybody`)
  return {
    ...rest,
    workflows,
    dataDir,
    token: token === '' ? undefined : token,
    ...(tls === undefined ? {} : { tls }),
    warnings,
  }
}

function missing(option: string, flag: string): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_INVALID_OPTION',
    `required option '${flag}' not specified, neither as ${option} in a configuration file`,
    { fields: { option } },
  )
}
