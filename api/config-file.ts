import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { TransformFailure } from 'esbuild'
import type { TSchema } from 'typebox'
import { SignalboxError } from '../runtime/errors.ts'
import { filePath } from '../runtime/file-path.ts'
import { importSource } from '../runtime/import-source.ts'
import { configProblems } from './config-problems.ts'
import { configSchema, type ServeConfig } from './config-schema.ts'

/** The names under which it is found, in the working directory. */
const fileNames = ['json', 'ts', 'mts', 'js', 'mjs'].map((type) => `signalbox.config.${type}`)

/** A configuration and where it is from. */
export interface ConfigFile {
  readonly file: string
  /** Its paths are absolute. */
  readonly config: ServeConfig
  /** True if everybody on this machine may write to it. */
  readonly isWritableByAll: boolean
}

/**
 * Read the configuration: the given file, or else the one in the folder, if there is one. TypeScript is
 * bundled first, as activities are, and JavaScript imported; their default export is the configuration.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION if it cannot be read or has errors, all of which
 *   the message names; also if the folder has several
 */
export async function readConfigFile(
  given: string | undefined,
  folder: string,
): Promise<ConfigFile | undefined> {
  const file = given === undefined ? findFile(folder) : resolve(folder, given)
  if (file === undefined) return undefined
  if (!existsSync(file)) throw unusable(file, 'is not there')
  const config = extname(file) === '.json' ? await readJson(file) : await readModule(file)
  const problems = configProblems(config)
  if (problems.length > 0) {
    const lines = problems.map(({ option, problem }) =>
      option === '' ? `the configuration ${problem}` : `${option} ${problem}`,
    )
    throw unusable(file, `has errors:\n  ${lines.join('\n  ')}`, problems[0]?.option)
  }
  return {
    file,
    config: withAbsolutePaths(configSchema, config, dirname(file)) as ServeConfig,
    isWritableByAll: process.platform !== 'win32' && (statSync(file).mode & 0o002) !== 0,
  }
}

function findFile(folder: string): string | undefined {
  const [file, other] = fileNames
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path))
  if (file !== undefined && other !== undefined) {
    throw unusable(
      file,
      `and ${basename(other)} are both there: keep one, or name it with --config`,
    )
  }
  return file
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unusable(file, 'cannot be read', undefined, error)
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw unusable(file, `is not valid JSON${await placeOfError(text)}`, undefined, error)
  }
}

/** Node tells the place of some errors only, and quotes the text of others, which may be a secret. */
async function placeOfError(json: string): Promise<string> {
  const { transform } = await import('esbuild')
  const problem: unknown = await transform(json, { loader: 'json', logLevel: 'silent' }).then(
    () => undefined,
    (error: unknown) => error,
  )
  const { errors = [] } = (problem ?? {}) as Partial<TransformFailure>
  const place = errors[0]?.location
  return place == null ? '' : ` at line ${place.line}, column ${place.column + 1}`
}

async function readModule(file: string): Promise<unknown> {
  const module = await importSource(file).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw unusable(file, `cannot be loaded: ${reason}`, undefined, error)
  })
  if (module['default'] === undefined) {
    throw unusable(file, 'has no default export: export default defineConfig({ … })')
  }
  return module['default']
}

interface Schema {
  readonly isPath?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** The value with the paths that the schema marks made absolute. Code in it stays the same objects. */
function withAbsolutePaths(schema: Schema | TSchema, value: unknown, folder: string): unknown {
  const { isPath, properties, items }: Schema = schema
  if (isPath === true && typeof value === 'string') return filePath(value, folder)
  if (items !== undefined && Array.isArray(value)) {
    return value.map((item) => withAbsolutePaths(items, item, folder))
  }
  if (properties === undefined || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const property = properties[name]
      return [name, property === undefined ? item : withAbsolutePaths(property, item, folder)]
    }),
  )
}

function unusable(file: string, problem: string, option?: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `${file} ${problem}`, {
    fields: { file, option: option ?? 'config' },
    ...(cause === undefined ? {} : { cause }),
  })
}
