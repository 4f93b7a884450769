import { createHash, timingSafeEqual } from 'node:crypto'
import type { onRequestHookHandler } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import { sendStatus } from './answer.ts'
import { httpAnswer } from './rpc-status.ts'

/**
 * A hook that lets through requests with this bearer token and answers 401 to others. The
 * comparison takes the same time for every wrong token.
 */
export function requireToken(token: string): onRequestHookHandler {
  const expected = digest(token)
  return (request, _reply, done) => {
    const header = request.headers.authorization ?? ''
    const [scheme = ''] = header.split(' ', 1)
    const given = header.slice(scheme.length).trim()
    const known = scheme.toLowerCase() === 'bearer' && timingSafeEqual(digest(given), expected)
    if (known) return done()
    const problem =
      given === ''
        ? 'Send the token in the header "Authorization: Bearer <token>"'
        : 'The token is not valid'
    done(new SignalboxError('SIGNALBOX_ERR_UNAUTHENTICATED', problem))
  }
}

/**
 * A hook that answers 403 to requests for a Host other than these (without port, in lower case). A
 * web page can make a browser resolve a name of its own to 127.0.0.1, but it cannot change the Host
 * that the browser sends: without this, a server that needs no token is open to every page.
 */
export function requireHost(hosts: readonly string[]): onRequestHookHandler {
  const allowed = new Set(hosts)
  return (request, reply, done) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    if (allowed.has(host)) return done()
    sendStatus(reply, httpAnswer(403, 'Host not allowed'))
  }
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
