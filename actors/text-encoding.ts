/** What Temporal's `@temporalio/common/lib/encoding` is imported for by payload converters. */
export { decodeUtf8 as decode, encodeUtf8 as encode } from './proto-payload.ts'
export { encodingKeys, encodingTypes, METADATA_ENCODING_KEY } from './payload-converters.ts'
