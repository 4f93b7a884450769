import { invalidField } from './invalid-field.ts'

/** The engine's page token as the bytes field that it is in Temporal's messages: in base64. */
export function encodePageToken(token: string | undefined): string | undefined {
  return token === undefined ? undefined : Buffer.from(token).toString('base64')
}

/** A page token from a query string, in either base64 alphabet. */
export function decodePageToken(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  // A plus sign that was not percent-encoded arrives as a space.
  const base64 = value.replaceAll(' ', '+')
  if (base64.length > 4000 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) {
    throw invalidField('nextPageToken', 'is not a token of an earlier answer')
  }
  return Buffer.from(base64, 'base64').toString('utf8')
}
