import { SignalboxError } from './errors.ts'
import { unknownOption } from './nearest-name.ts'
import type { RuntimeOptions } from './options.ts'

/**
 * Check that the options of a runtime are those that there are, and of the right kind. What they say is checked
 * where they are resolved.
 *
 * @throws SIGNALBOX_ERR_INVALID_OPTION naming the option
 */
export function checkRuntimeOptions(options: unknown): asserts options is RuntimeOptions {
  if (!isObject(options)) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_OPTION',
      "the options must be an object such as { dataDir: './data', workflowsPath: './workflows.ts' }",
      { fields: { option: 'options' } },
    )
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof RuntimeOptions] : undefined
    if (kind === undefined) {
      const problem = unknownOption(name, Object.keys(kinds), 'RuntimeOptions')
      throw invalidOption(name, problem)
    }
    const [expected, fits] = kind
    if (value !== undefined && !fits(value)) throw invalidOption(name, `must be ${expected}`)
  }
}

/** An option that cannot be used; the problem is in words that go after its name. */
export function invalidOption(option: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `option ${option} ${problem}`, {
    fields: { option },
    cause,
  })
}

type Kind = readonly [expected: string, fits: (value: unknown) => boolean]

const anything: Kind = ['', () => true]
const object: Kind = ['an object', isObject]
const file: Kind = ['the path of a file', isPath]

const kinds: Readonly<Record<keyof RuntimeOptions, Kind>> = {
  dataDir: ['the path of a folder', (value) => typeof value === 'string'],
  workflowsPath: file,
  workflowBundle: ['what bundleWorkflowCode() gave', isObject],
  activities: [
    'functions by their names, or the path of a file',
    (is) => isObject(is) || isPath(is),
  ],
  activityThreads: anything,
  dataConverter: object,
  interceptors: object,
  sharedModules: ['an array of the names of packages', Array.isArray],
  sinks: object,
  workflowFailureErrorTypes: ['an object of arrays, by workflow types', isFailureTypes],
  retention: anything,
  namespaces: object,
  slots: anything,
  taskQueue: ['a text that is not empty', (value) => typeof value === 'string' && value !== ''],
  logger: ['an object with the functions debug, info, warn and error', isLogger],
  limits: object,
  onPoisoned: ['a function', (value) => typeof value === 'function'],
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPath(value: unknown): boolean {
  return value instanceof URL || (typeof value === 'string' && value !== '')
}

function isFailureTypes(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((names) => Array.isArray(names))
}

function isLogger(value: unknown): boolean {
  // A logger may be a function with methods.
  if (!isObject(value) && typeof value !== 'function') return false
  const logger = value as Readonly<Record<string, unknown>>
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof logger[level] === 'function')
}
