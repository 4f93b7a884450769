import {
  defaultErrorToFailure,
  defaultFailureToError,
  type FailureConversion,
  usingFailureConversion,
} from './failure-converter.ts'
import type { Failure } from './failure.ts'
import { TemporalFailure } from './failures.ts'
import { usingPayloadConverter } from './payload-converter.ts'
import type { PayloadConverter } from './payload-converters.ts'
import { fromProtoFailure, type ProtoFailure, toProtoFailure } from './proto-failure.ts'

/** Turns errors into failures and back: Temporal's `FailureConverter`. */
export interface FailureConverter {
  /** Anything may be thrown, so anything is accepted. */
  errorToFailure(error: unknown, payloadConverter: PayloadConverter): ProtoFailure
  /** Gives a TemporalFailure. */
  failureToError(failure: ProtoFailure, payloadConverter: PayloadConverter): Error
}

export interface DefaultFailureConverterOptions {
  /** Put messages and stacks into a payload, so that payload codecs encode them. Default false. */
  readonly encodeCommonAttributes: boolean
}

/** What is used without a converter of one's own, and what such a converter may extend. */
export class DefaultFailureConverter implements FailureConverter {
  readonly options: DefaultFailureConverterOptions

  constructor(options: Partial<DefaultFailureConverterOptions> = {}) {
    this.options = { encodeCommonAttributes: options.encodeCommonAttributes ?? false }
  }

  failureToError(proto: ProtoFailure, payloadConverter: PayloadConverter): Error {
    const failure = { ...proto, ...decodedAttributes(proto, payloadConverter) }
    const error = this.failureToErrorInner(failure, payloadConverter)
    error.stack = failure.stackTrace ?? ''
    if (error instanceof TemporalFailure) error.failure = fromProtoFailure(failure)
    return error
  }

  /** The error without its stack and its failure, which {@link failureToError} adds. */
  failureToErrorInner(failure: ProtoFailure, payloadConverter: PayloadConverter): Error {
    return this.#withCauses(payloadConverter, () =>
      defaultFailureToError(fromProtoFailure(failure)),
    )
  }

  errorToFailure(error: unknown, payloadConverter: PayloadConverter): ProtoFailure {
    const failure = this.errorToFailureInner(error, payloadConverter)
    if (!this.options.encodeCommonAttributes) return failure
    const { message, stackTrace } = failure
    return {
      ...failure,
      message: 'Encoded failure',
      stackTrace: '',
      encodedAttributes: payloadConverter.toPayload({ message, stack_trace: stackTrace }),
    }
  }

  /** The failure before its common attributes are encoded. */
  errorToFailureInner(error: unknown, payloadConverter: PayloadConverter): ProtoFailure {
    return this.#withCauses(payloadConverter, () => toProtoFailure(defaultErrorToFailure(error)))
  }

  optionalFailureToOptionalError(
    failure: ProtoFailure | undefined | null,
    payloadConverter: PayloadConverter,
  ): Error | undefined {
    return failure ? this.failureToError(failure, payloadConverter) : undefined
  }

  optionalErrorToOptionalFailure(
    error: unknown,
    payloadConverter: PayloadConverter,
  ): ProtoFailure | undefined {
    return error ? this.errorToFailure(error, payloadConverter) : undefined
  }

  /** Causes are converted by this converter as well, whatever a subclass makes of it. */
  #withCauses<T>(payloadConverter: PayloadConverter, convert: () => T): T {
    const causes = {
      toError: (cause: Failure) => this.failureToError(toProtoFailure(cause), payloadConverter),
      toFailure: (cause: unknown) => fromProtoFailure(this.errorToFailure(cause, payloadConverter)),
    }
    return usingPayloadConverter(payloadConverter, () => usingFailureConversion(causes, convert))
  }
}

/** Attributes that are not of the expected form are not applied. */
function decodedAttributes(
  { encodedAttributes }: ProtoFailure,
  payloadConverter: PayloadConverter,
): Pick<ProtoFailure, 'message' | 'stackTrace'> {
  if (!encodedAttributes) return {}
  const attributes = payloadConverter.fromPayload<unknown>(encodedAttributes)
  if (typeof attributes !== 'object' || attributes === null) return {}
  const { message, stack_trace: stackTrace } = attributes as Record<string, unknown>
  return {
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof stackTrace === 'string' ? { stackTrace } : {}),
  }
}

export const defaultFailureConverter: FailureConverter = new DefaultFailureConverter()

/** A failure converter in the form that the engine converts with. */
export function failureConversion(
  failureConverter: FailureConverter,
  payloadConverter: PayloadConverter,
): FailureConversion {
  return {
    toError: (failure) =>
      failureConverter.failureToError(toProtoFailure(failure), payloadConverter),
    toFailure: (error) =>
      fromProtoFailure(failureConverter.errorToFailure(error, payloadConverter)),
  }
}
