import { type Duration, durationToMs } from '../actors/workflow/duration.ts'
import { checkNamespace } from './identifiers.ts'
import { unknownOption } from './nearest-name.ts'
import { invalidOption } from './runtime-option-check.ts'

/**
 * How long closed workflows are kept: a length of time from their close, as milliseconds or as text
 * such as `'30 days'`, or `'forever'`.
 */
export type RetentionTime = Duration | 'forever'

/** Settings of one namespace. */
export interface NamespaceOptions {
  /** In place of the option `retention`. */
  readonly retention?: RetentionTime
}

/** How long the closed workflows of each namespace are kept, in milliseconds; Infinity is for ever. */
export class RetentionPolicy {
  readonly defaultMs: number
  readonly #ofNamespace: ReadonlyMap<string, number>

  private constructor(defaultMs: number, ofNamespace: ReadonlyMap<string, number>) {
    this.defaultMs = defaultMs
    this.#ofNamespace = ofNamespace
  }

  /** @throws SignalboxError with SIGNALBOX_ERR_INVALID_OPTION naming the option */
  static from(
    retention: RetentionTime | undefined,
    namespaces: Readonly<Record<string, NamespaceOptions>> | undefined,
  ): RetentionPolicy {
    const defaultMs = timeOf('retention', retention) ?? Infinity
    const ofNamespace = new Map<string, number>()
    for (const [namespace, options] of Object.entries(namespaces ?? {})) {
      const name = `namespaces.${namespace}`
      try {
        checkNamespace(namespace)
      } catch (error) {
        throw invalidOption(name, error instanceof Error ? error.message : String(error))
      }
      const unknown = Object.keys(options).find((key) => key !== 'retention')
      if (unknown !== undefined) {
        throw invalidOption(`${name}.${unknown}`, unknownOption(unknown, ['retention']))
      }
      ofNamespace.set(namespace, timeOf(`${name}.retention`, options.retention) ?? defaultMs)
    }
    return new RetentionPolicy(defaultMs, ofNamespace)
  }

  /** True if no namespace ever loses a workflow: nothing has to be noted down. */
  get keepsAll(): boolean {
    return this.defaultMs === Infinity && this.exceptions.length === 0
  }

  /** The namespaces that keep everything where others do not, or the other way round. */
  get exceptions(): readonly string[] {
    const isExceptional = (millis: number): boolean =>
      (millis === Infinity) !== (this.defaultMs === Infinity)
    return [...this.#ofNamespace]
      .filter(([, millis]) => isExceptional(millis))
      .map(([name]) => name)
  }

  /** Infinity: they are kept for ever. */
  retentionMs(namespace: string): number {
    return this.#ofNamespace.get(namespace) ?? this.defaultMs
  }
}

function timeOf(option: string, time: RetentionTime | undefined): number | undefined {
  if (time === undefined) return undefined
  if (time === 'forever') return Infinity
  let millis: number
  try {
    millis = durationToMs(time)
  } catch {
    millis = Number.NaN
  }
  // Less is no use: what reads the result of a workflow would race against its deletion.
  if (millis >= MIN_RETENTION_MS) return millis
  throw invalidOption(option, `must be at least 1 s, such as '30 days', or 'forever'`)
}

const MIN_RETENTION_MS = 1_000
