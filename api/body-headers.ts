import type { IncomingHttpHeaders } from 'node:http'

/** A body in a form that is not read: answered with 415. */
export class UnsupportedBodyError extends Error {
  override name = 'UnsupportedBodyError'
  readonly statusCode = 415
}

const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i
const utf8 = /^utf-?8$/i

/**
 * Bodies are UTF-8 without an encoding of their own. Read as such, others would be refused for a reason
 * that misleads, or be taken for other text.
 *
 * @throws UnsupportedBodyError
 */
export function checkBodyHeaders(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': encoding, 'content-type': type } = headers
  if (encoding !== undefined && !/^(?:identity)?$/i.test(encoding.trim())) {
    throw new UnsupportedBodyError('Send the body as it is, without a Content-Encoding')
  }
  if (type === undefined || type === 'application/json') return
  const given = charset.exec(type)?.[1]
  if (given === undefined || utf8.test(given)) return
  throw new UnsupportedBodyError('Send the body in UTF-8, without a charset or with charset=utf-8')
}
