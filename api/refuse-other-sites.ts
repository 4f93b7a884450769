import type { IncomingHttpHeaders } from 'node:http'
import type { onRequestHookHandler } from 'fastify'
import { sendStatus } from './answer.ts'
import { httpAnswer } from './rpc-status.ts'

/** They change nothing here, and a page of another site cannot read their answers. */
const readingMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * A hook that answers 403 to requests that change something, where a browser sends them for a page of
 * another site. Any page can send a POST without a body to any address, the browser asks nobody first:
 * a server that needs no token would obey. Browsers tell by `Sec-Fetch-Site` whose page it is, and by
 * `Origin`, also where they leave out the former: over plain HTTP to another machine. Programs send
 * neither.
 *
 * @param hosts whose pages may, without port, in lower case; undefined for the host that a request is for
 */
export function refuseOtherSites(hosts: readonly string[] | undefined): onRequestHookHandler {
  const allowed = hosts && new Set(hosts)
  return ({ method, headers }, reply, done) => {
    if (readingMethods.has(method) || isOwn(headers, allowed)) return done()
    const problem =
      'Pages of other sites may change nothing on a server without tokens: set a token, ' +
      'or serve the page from an allowed host'
    sendStatus(reply, httpAnswer(403, problem))
  }
}

function isOwn(headers: IncomingHttpHeaders, allowed: ReadonlySet<string> | undefined): boolean {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  if (origin === undefined) return true
  // The origin of a frame in a sandbox, or of a file, is `null`.
  if (!URL.canParse(origin)) return false
  const page = new URL(origin)
  if (allowed !== undefined) return allowed.has(page.hostname)
  // Behind a proxy, Host may be another one than the browser sees.
  return site === 'same-origin' || page.host === host?.toLowerCase()
}
