import { failureConversion, type FailureConverter } from './default-failure-converter.ts'
import {
  type FailureConversion,
  useFailureConversion,
  usingFailureConversion,
} from './failure-converter.ts'
import { ValueError } from './failures.ts'
import { usePayloadConverter, usingPayloadConverter } from './payload-converter.ts'
import { defaultPayloadConverter, type PayloadConverter } from './payload-converters.ts'

/** The converters of a user, in place of the default ones. */
export class Converters {
  readonly #payloads: PayloadConverter | undefined
  readonly #failures: FailureConversion | undefined

  /**
   * @param payloadConverter what its file exports under this name; the same for `failureConverter`
   * @throws {ValueError} if it is none
   */
  constructor(payloadConverter: unknown, failureConverter: unknown) {
    this.#payloads = checked<PayloadConverter>(
      'payloadConverter',
      payloadConverter,
      'toPayload',
      'fromPayload',
    )
    const failures = checked<FailureConverter>(
      'failureConverter',
      failureConverter,
      'errorToFailure',
      'failureToError',
    )
    if (failures !== undefined) {
      this.#failures = failureConversion(failures, this.#payloads ?? defaultPayloadConverter)
    }
  }

  /** Convert with them during a call, which must be synchronous. */
  use<T>(convert: () => T): T {
    return usingPayloadConverter(this.#payloads, () =>
      usingFailureConversion(this.#failures, convert),
    )
  }

  /** Convert with them from now on. */
  apply(): void {
    usePayloadConverter(this.#payloads)
    useFailureConversion(this.#failures)
  }
}

/** Convert by default from now on. */
export function applyDefaultConverters(): void {
  usePayloadConverter(undefined)
  useFailureConversion(undefined)
}

function checked<T extends object>(
  name: string,
  value: unknown,
  ...methods: readonly (keyof T & string)[]
): T | undefined {
  if (value === undefined) return undefined
  const converter = value as Partial<T> | null
  const missing = methods.find((method) => typeof converter?.[method] !== 'function')
  if (missing !== undefined) throw new ValueError(`${name} has no method ${missing}`)
  return value as T
}
