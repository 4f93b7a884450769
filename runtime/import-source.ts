import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { extname, join, parse, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BuildFailure, Plugin } from 'esbuild'
import { buildProblems } from './build-problems.ts'
import { ImportFailure } from './import-failure.ts'

/** What a file of the host's may import from Temporal's packages, by our entry for it. */
const ownEntries: Readonly<Record<string, string>> = {
  signalbox: 'signalbox',
  'signalbox/activity': 'signalbox/activity',
  'signalbox/api': 'signalbox/api',
  'signalbox/workflow': 'signalbox/workflow',
  '@temporalio/activity': 'signalbox/activity',
  '@temporalio/common': 'signalbox/workflow',
  '@temporalio/workflow': 'signalbox/workflow',
}

/**
 * What a file of the user's exports. JavaScript is imported as it is. TypeScript is bundled first, since
 * Node 20 cannot import it; packages are left out of the bundle and found from the file's own folder.
 * Stack traces name the lines of the source.
 *
 * @throws {ImportFailure} with the place, if it cannot be built, or throws
 */
export async function importSource(file: string): Promise<Record<string, unknown>> {
  try {
    return await (/^\.[cm]?tsx?$/.test(extname(file)) ? importBundled(file) : importModule(file))
  } catch (error) {
    throw await importFailure(error, file)
  }
}

/**
 * As it is, if Node can import it: then its classes are those that the rest of the process imports. If
 * not, for being TypeScript or for importing a Temporal package that is not there, bundled.
 *
 * @throws {ImportFailure} as {@link importSource}
 */
export async function importShared(file: string): Promise<Record<string, unknown>> {
  try {
    return await importModule(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const helps = code === 'ERR_UNKNOWN_FILE_EXTENSION' || code === 'ERR_MODULE_NOT_FOUND'
    if (!helps) throw await importFailure(error, file)
  }
  try {
    return await importBundled(file)
  } catch (error) {
    throw await importFailure(error, file)
  }
}

/** Of these Node does not tell the place: esbuild finds it. */
async function importFailure(error: unknown, file: string): Promise<ImportFailure> {
  const failure = ImportFailure.from(error)
  const isMissing =
    error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  if (!isMissing && !(error instanceof SyntaxError)) return failure
  const found: unknown = await bundle(file).catch((reason: unknown) => reason)
  return found instanceof ImportFailure ? found : failure
}

async function importBundled(file: string): Promise<Record<string, unknown>> {
  process.setSourceMapsEnabled(true)
  const code = await bundle(file)
  // A folder that nobody else can write to, also where the installation is read-only.
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-'))
  try {
    const target = join(folder, 'source.mjs')
    await writeFile(target, code)
    return await importModule(target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  const module: Record<string, unknown> = await import(pathToFileURL(file).href)
  return module
}

async function bundle(file: string): Promise<string> {
  // Only those who serve TypeScript need esbuild.
  const { build } = await import('esbuild')
  const { root } = parse(file)
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    // Node knows no condition "module": with it, esbuild would choose other files than Node does.
    conditions: [],
    sourcemap: 'inline',
    sourcesContent: false,
    sourceRoot: pathToFileURL('/').href,
    absWorkingDir: root,
    logLevel: 'silent',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(file).href) },
    plugins: [packages],
  }).catch((error: unknown) => {
    const { errors = [] } = error as Partial<BuildFailure>
    if (errors.length === 0) throw error
    const { message, fields } = buildProblems(errors, root)
    throw new ImportFailure(message, fields, { cause: error })
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error('esbuild wrote nothing')
  return output.text
}

const resolved = Symbol('resolved')

/**
 * Packages stay out of the bundle and are named by their files' URLs, so that it does not matter
 * where the bundle lies. signalbox, and Temporal's packages that it stands in for, are those of this
 * very process: a second copy would not know which activity runs.
 */
const packages: Plugin = {
  name: 'packages',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async (args) => {
      if (args.kind === 'entry-point' || args.pluginData === resolved) return undefined
      if (isBuiltin(args.path)) return { path: args.path, external: true }
      const own = ownEntryOf(args.path)
      if (own !== undefined) return { path: own, external: true }
      const { kind, importer, resolveDir, path } = args
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: resolved })
      // An alias of tsconfig, or a package of the same workspace: source like the file itself.
      const isInstalled = found.path.split(sep).includes('node_modules')
      if (found.errors.length > 0 || !isInstalled) return found
      return { path: pathToFileURL(found.path).href, external: true }
    })
  },
}

function ownEntryOf(path: string): string | undefined {
  if (path === '@temporalio/common/lib/encoding') {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
    return new URL(`../actors/text-encoding${extension}`, import.meta.url).href
  }
  const common = path.startsWith('@temporalio/common/lib/') ? '@temporalio/common' : path
  const own = Object.hasOwn(ownEntries, common) ? ownEntries[common] : undefined
  return own === undefined ? undefined : import.meta.resolve(own)
}
