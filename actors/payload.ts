/**
 * One serialised value, as it rests in the journal and crosses threads.
 *
 * - `string`: JSON text (Temporal's `json/plain`), by far the most frequent
 * - `null`: `undefined` (Temporal's `binary/null`)
 * - `Uint8Array`: raw bytes (Temporal's `binary/plain`)
 * - {@link EncodedPayload}: anything else, kept as it came: an unknown encoding or extra metadata
 */
export type Payload = string | null | Uint8Array | EncodedPayload

/** A payload with metadata of its own, as in Temporal's `Payload` message. */
export interface EncodedPayload {
  readonly metadata: Readonly<Record<string, Uint8Array>>
  readonly data: Uint8Array
}

/** Named payloads: headers, memo, search attributes. */
export type PayloadMap = Readonly<Record<string, Payload>>
