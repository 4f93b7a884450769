import { Converters } from '../../converters.ts'
import type { BundleExtras } from '../../turns.ts'

/** What a run's own instance of the bundle exports. */
export interface RunCode {
  readonly workflows: Readonly<Record<string, unknown>>
  readonly converters: Converters | undefined
  /** In the order in which the modules were given. */
  readonly interceptorModules: readonly Readonly<Record<string, unknown>>[]
}

const NO_MODULES: RunCode['interceptorModules'] = []

/**
 * The parts of what the bundle exports.
 *
 * @throws {TypeError} if a converter's file does not export it
 */
export function readRunCode(
  exported: Readonly<Record<string, unknown>>,
  extras: BundleExtras | undefined,
): RunCode {
  if (extras === undefined) {
    return { workflows: exported, converters: undefined, interceptorModules: NO_MODULES }
  }
  const { payloadConverter, failureConverter, interceptorModules } = extras
  const modules: Readonly<Record<string, unknown>>[] = []
  for (let i = 0; i < interceptorModules; i++) {
    modules.push(exported[`interceptors${i}`] as Readonly<Record<string, unknown>>)
  }
  return {
    workflows: exported['workflows'] as Readonly<Record<string, unknown>>,
    converters:
      payloadConverter || failureConverter
        ? new Converters(
            payloadConverter ? required(exported, 'payloadConverter') : undefined,
            failureConverter ? required(exported, 'failureConverter') : undefined,
          )
        : undefined,
    interceptorModules: modules,
  }
}

function required(exported: Readonly<Record<string, unknown>>, name: string): unknown {
  const value = exported[name]
  if (value === undefined) {
    throw new TypeError(`The file of the ${name} does not have a \`${name}\` named export`)
  }
  return value
}
