import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildFailure, BuildOptions } from 'esbuild'
import type { BundleExtras, SharedModules, WorkflowBundle } from '../actors/turns.ts'
import { buildProblems } from './build-problems.ts'
import { workflowImports } from './bundle-imports.ts'
import { SignalboxError } from './errors.ts'
import { filePath } from './file-path.ts'
import type { DataConverterOptions } from './data-converter-options.ts'

export interface BundleOptions {
  /**
   * The file that exports the workflow functions: TypeScript or JavaScript. By a path, relative to the
   * working directory unless it is absolute, or by a `file:` URL; so are the others.
   */
  readonly workflowsPath: string | URL
  /** As `dataConverter.payloadConverterPath` of the runtime that is to run the bundle. */
  readonly payloadConverterPath?: string | URL | undefined
  /** As `dataConverter.failureConverterPath`. */
  readonly failureConverterPath?: string | URL | undefined
  /**
   * Packages, as workflow code imports them, that are evaluated once for all runs and frozen: for large
   * ones without state of their own, which each run would otherwise evaluate anew.
   */
  readonly sharedModules?: readonly string[] | undefined
  /** As `interceptors.workflowModules`. */
  readonly workflowInterceptorModules?: readonly (string | URL)[] | undefined
}

/**
 * Make the code that workflows run from: once, at build time or when a runtime opens. The result is
 * plain data that may be stored as JSON and given to `Runtime.open` as `workflowBundle`, by the same
 * version of signalbox.
 *
 * @throws {SignalboxError} SIGNALBOX_ERR_BUNDLE_FAILED, with `fields` file, line, column and import
 * where they are known, if the code does not build or imports what workflows cannot have
 */
export async function bundleWorkflowCode(options: BundleOptions): Promise<WorkflowBundle> {
  const path = filePath(options.workflowsPath)
  if (!existsSync(path)) {
    throw new SignalboxError('SIGNALBOX_ERR_BUNDLE_FAILED', `There is no workflow file ${path}`, {
      fields: { file: path },
    })
  }
  const extras = extrasOf(options)
  const entry = extras === undefined ? undefined : entryCode(path, options)
  const names = [...new Set(options.sharedModules ?? [])]
  const [apiCode, workflows, shared] = await Promise.all([
    bundleApi(),
    bundleWorkflows(path, entry, names),
    names.length === 0 ? undefined : bundleShared(path, names),
  ])
  return {
    version: packageVersion(),
    apiCode,
    ...workflows,
    ...(shared === undefined ? {} : { shared }),
    ...(extras === undefined ? {} : { extras }),
  }
}

/**
 * @throws {SignalboxError} SIGNALBOX_ERR_BUNDLE_FAILED if the bundle is of another version: the
 * authoring API inside it and the engine outside belong together
 */
export function assertBundleVersion(bundle: WorkflowBundle): void {
  const version = packageVersion()
  if (bundle.version === version) return
  throw new SignalboxError(
    'SIGNALBOX_ERR_BUNDLE_FAILED',
    `The workflow bundle was made by signalbox ${bundle.version}, and this is ${version}: ` +
      'make it anew with bundleWorkflowCode().',
    { fields: { bundleVersion: bundle.version, version } },
  )
}

/**
 * @throws {SignalboxError} SIGNALBOX_ERR_BUNDLE_FAILED if the bundle was made with other converters
 * than the host is to convert with
 */
export function assertBundleConverters(
  bundle: WorkflowBundle,
  dataConverter: DataConverterOptions,
): void {
  for (const name of ['payloadConverter', 'failureConverter'] as const) {
    const isGiven = dataConverter[`${name}Path`] !== undefined
    if ((bundle.extras?.[name] ?? false) === isGiven) continue
    throw new SignalboxError(
      'SIGNALBOX_ERR_BUNDLE_FAILED',
      `The workflow bundle was made ${isGiven ? 'without' : 'with'} a ${name}Path, and the ` +
        `runtime has ${isGiven ? 'one' : 'none'}: give both the same.`,
      { fields: { option: `dataConverter.${name}Path` } },
    )
  }
}

/** Loaded when it is needed: where bundles come ready-made, esbuild need not be installed. */
async function esbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild')
  } catch (error) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_BUNDLE_FAILED',
      'esbuild, which bundles workflow code, cannot be loaded. Install it, or give a ready-made workflowBundle.',
      { cause: error },
    )
  }
}

/** This module runs from sources in the repository and from dist in a package. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
let apiCode: Promise<string> | undefined

function bundleApi(): Promise<string> {
  apiCode ??= buildApi()
  return apiCode
}

async function buildApi(): Promise<string> {
  const { build } = await esbuild()
  const { outputFiles } = await build({
    ...shared,
    entryPoints: [
      fileURLToPath(new URL(`../actors/workflow/realm/realm${extension}`, import.meta.url)),
    ],
    // Not that of whichever project has signalbox among its modules.
    tsconfigRaw: { compilerOptions: { target: 'ES2022', useDefineForClassFields: true } },
    format: 'iife',
    globalName: 'signalboxRealm',
    banner: { js: '(function () { "use strict";' },
    footer: { js: 'return signalboxRealm; })()' },
  })
  return outputFiles[0]?.text ?? ''
}

const shared = {
  bundle: true,
  write: false as const,
  platform: 'neutral' as const,
  target: 'node20',
  mainFields: ['module', 'main'] as string[],
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'silent',
} satisfies BuildOptions

function extrasOf(options: BundleOptions): BundleExtras | undefined {
  const extras = {
    payloadConverter: options.payloadConverterPath !== undefined,
    failureConverter: options.failureConverterPath !== undefined,
    interceptorModules: options.workflowInterceptorModules?.length ?? 0,
  }
  const has = extras.payloadConverter || extras.failureConverter || extras.interceptorModules > 0
  return has ? extras : undefined
}

/** All in one bundle, so that a class that two of them import is the same class. */
function entryCode(path: string, options: BundleOptions): string {
  const { payloadConverterPath, failureConverterPath, workflowInterceptorModules } = options
  const from = (file: string | URL): string => JSON.stringify(filePath(file))
  return [
    ...(payloadConverterPath === undefined
      ? []
      : [`export { payloadConverter } from ${from(payloadConverterPath)}`]),
    ...(failureConverterPath === undefined
      ? []
      : [`export { failureConverter } from ${from(failureConverterPath)}`]),
    ...(workflowInterceptorModules ?? []).map(
      (file, index) => `export * as interceptors${index} from ${from(file)}`,
    ),
    `export * as workflows from ${from(path)}`,
  ].join('\n')
}

async function bundleWorkflows(
  path: string,
  entry: string | undefined,
  sharedModules: readonly string[],
): Promise<Pick<WorkflowBundle, 'workflowCode' | 'sourceMap'>> {
  const outdir = dirname(path)
  const { build } = await esbuild()
  try {
    const { outputFiles } = await build({
      ...shared,
      ...(entry === undefined
        ? { entryPoints: { workflows: path } }
        : { stdin: { contents: entry, resolveDir: outdir, sourcefile: 'signalbox-entry.js' } }),
      outdir,
      format: 'cjs',
      sourcemap: 'external',
      sourcesContent: false,
      define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
      // One function a run: modules' state and globals are the run's own.
      banner: { js: '(function (globalThis, require, module, exports) { "use strict";' },
      footer: { js: '})' },
      plugins: [workflowImports(sharedModules)],
    })
    const text = (end: string): string =>
      outputFiles.find((file) => file.path.endsWith(end))?.text ?? ''
    return {
      workflowCode: withoutExportCopy(text('.js')),
      sourceMap: absoluteSources(text('.js.map'), outdir),
    }
  } catch (error) {
    throw bundleError(error, path)
  }
}

async function bundleShared(path: string, names: readonly string[]): Promise<SharedModules> {
  const { build } = await esbuild()
  const contents = names.map((name, at) => `export * as m${at} from ${JSON.stringify(name)}`)
  try {
    const { outputFiles } = await build({
      ...shared,
      stdin: {
        contents: contents.join('\n'),
        resolveDir: dirname(path),
        sourcefile: 'signalbox-shared.js',
      },
      format: 'cjs',
      define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
      banner: { js: '(function (globalThis, require, module, exports) { "use strict";' },
      footer: { js: '})' },
      plugins: [workflowImports()],
    })
    return { names, code: outputFiles[0]?.text ?? '' }
  } catch (error) {
    throw bundleError(error, path)
  }
}

/**
 * esbuild hands out a copy of the exports with a getter each, made anew with every run: half of what a
 * new run of a small file costs. What it copies from does as well. The lines stay where they are.
 */
function withoutExportCopy(code: string): string {
  return code.replace(/^module\.exports = __toCommonJS\((\w+)\);$/m, 'module.exports = $1;')
}

/** Stacks are to name files that can be opened, wherever the process runs. */
function absoluteSources(sourceMap: string, outdir: string): string {
  const map = JSON.parse(sourceMap) as { sources: string[] }
  map.sources = map.sources.map((source) => (isAbsolute(source) ? source : resolve(outdir, source)))
  return JSON.stringify(map)
}

function bundleError(error: unknown, path: string): SignalboxError {
  const errors = (error as Partial<BuildFailure>).errors ?? []
  if (errors.length === 0) {
    const reason = error instanceof Error ? error.message : String(error)
    return new SignalboxError('SIGNALBOX_ERR_BUNDLE_FAILED', `${path}: ${reason}`, {
      cause: error,
      fields: { file: path },
    })
  }
  const { message, fields } = buildProblems(errors, process.cwd())
  return new SignalboxError('SIGNALBOX_ERR_BUNDLE_FAILED', message, {
    fields: { file: path, ...fields },
  })
}

/** The version in the package's package.json, above this file however it was built. */
export function packageVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const file = fileURLToPath(new URL(up, import.meta.url))
    if (!existsSync(file)) continue
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly name?: string
      readonly version?: string
    }
    if (name === 'signalbox' && version !== undefined) return version
  }
  throw new SignalboxError('SIGNALBOX_ERR_INTERNAL', 'The package.json of signalbox is missing')
}
