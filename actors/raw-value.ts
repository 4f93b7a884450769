import type { ProtoPayload } from './proto-payload.ts'

/** What a {@link RawValue} needs of a converter. */
interface ToPayload {
  toPayload(value: unknown): ProtoPayload
}

/** A value that is a payload already: it is sent as it is, whatever the payload converter. */
export class RawValue {
  readonly #payload: ProtoPayload

  /** @param payloadConverter default: the default one */
  constructor(value: unknown, payloadConverter?: ToPayload) {
    this.#payload = (payloadConverter ?? defaultConverter).toPayload(value)
  }

  static fromPayload(payload: ProtoPayload): RawValue {
    return new RawValue(undefined, { toPayload: () => payload })
  }

  get payload(): ProtoPayload {
    return this.#payload
  }
}

let defaultConverter: ToPayload = {
  toPayload: () => {
    throw new TypeError('A RawValue needs a payload converter')
  },
}

/** @internal the module of the default converter makes it known here, since it needs this class */
export function setDefaultOfRawValues(converter: ToPayload): void {
  defaultConverter = converter
}
