import { constants } from 'node:fs'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { extname, join, parse, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'
import { SignalboxError } from '../runtime/errors.ts'

/** What the activities of a service may import from Temporal's packages, by our entry for it. */
const ownEntries: Readonly<Record<string, string>> = {
  signalbox: 'signalbox',
  'signalbox/activity': 'signalbox/activity',
  'signalbox/workflow': 'signalbox/workflow',
  '@temporalio/activity': 'signalbox/activity',
  '@temporalio/common': 'signalbox/workflow',
}

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
  const module = await importFile(file).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw unusable(path, `cannot be loaded: ${reason}`, error)
  })
  const functions = Object.entries(module).filter(
    (entry): entry is [string, (...args: never[]) => unknown] => typeof entry[1] === 'function',
  )
  if (functions.length === 0) throw unusable(path, 'exports no function')
  return Object.fromEntries(functions)
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  if (!/^\.[cm]?tsx?$/.test(extname(file))) return importModule(file)
  process.setSourceMapsEnabled(true)
  const code = await bundle(file)
  // A folder that nobody else can write to, also where the installation is read-only.
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-'))
  try {
    const target = join(folder, 'activities.mjs')
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
    absWorkingDir: parse(file).root,
    logLevel: 'silent',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(file).href) },
    plugins: [packages],
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
      const own = Object.hasOwn(ownEntries, args.path) ? ownEntries[args.path] : undefined
      if (own !== undefined) return { path: import.meta.resolve(own), external: true }
      const { kind, importer, resolveDir, path } = args
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: resolved })
      // An alias of tsconfig, or a package of the same workspace: source like the file itself.
      const isInstalled = found.path.split(sep).includes('node_modules')
      if (found.errors.length > 0 || !isInstalled) return found
      return { path: pathToFileURL(found.path).href, external: true }
    })
  },
}

function unusable(path: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `activities file ${path} ${problem}`, {
    fields: { option: 'activities', file: path },
    ...(cause === undefined ? {} : { cause }),
  })
}
