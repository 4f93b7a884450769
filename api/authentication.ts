import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import { sendStatus } from './answer.ts'
import { allowOperation, type Grant } from './grant.ts'
import { isLoopback } from './listen-address.ts'
import { scopeNames } from './operation.ts'
import { httpAnswer } from './rpc-status.ts'

/** A bearer token as the configuration has it. The token itself is nowhere. */
export interface TokenRule extends Grant {
  /** `sha256:` and the token's SHA-256 in hex; `signalbox token` makes both. */
  readonly hash: string
}

/**
 * What a token that is none of the configured ones may do, such as a JWT that was verified;
 * undefined if it is not valid. A promise that rejects is answered 401 too.
 */
export type Authenticate = (
  token: string,
  request: FastifyRequest,
) => Grant | undefined | Promise<Grant | undefined>

export interface AuthenticationOptions {
  /** A token that may do everything. */
  readonly token?: string | undefined
  readonly tokens?: readonly TokenRule[] | undefined
  readonly authenticate?: Authenticate | undefined
}

/** A token has at least 20 random characters, so that a hash that is slow on purpose would guard nothing more. */
export const hashPattern = /^sha256:([0-9a-fA-F]{64})$/
const everything: Grant = { name: 'token', scopes: ['admin'] }

/**
 * A hook that answers 401 to requests without a valid token, and 403 to those whose token is not for
 * the namespace or the operation. It takes the same time for every wrong token, and for a right one
 * as for a wrong one: all digests are compared. Routes that say `isPublic` need no token.
 * Undefined if nothing is configured, so that every request is let through.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a rule that is none
 */
export function requireToken(options: AuthenticationOptions): onRequestHookHandler | undefined {
  const { token, tokens = [], authenticate } = options
  if (token === undefined && tokens.length === 0 && authenticate === undefined) return undefined
  const known = readRules(tokens)
  if (token !== undefined) known.push({ digest: digestOf(token), grant: everything })
  return (request, _reply, done) => {
    const { operation, isPublic } = request.routeOptions.config
    if (isPublic === true) return done()
    const given = bearerToken(request)
    const grant = given === undefined ? undefined : findGrant(known, given)
    if (grant !== undefined) return done(allowOperation(request, operation, grant))
    if (given === undefined || authenticate === undefined) return done(unauthenticated(given))
    Promise.resolve()
      .then(() => authenticate(given, request))
      .then(
        (granted) =>
          done(
            granted === undefined
              ? unauthenticated(given)
              : allowOperation(request, operation, granted),
          ),
        (error: unknown) => {
          request.log.info({ err: error }, 'a token was not accepted')
          done(unauthenticated(given))
        },
      )
  }
}

/**
 * A hook that answers 403 to requests for a Host other than these (without port, in lower case). A
 * web page can make a browser resolve a name of its own to 127.0.0.1, but it cannot change the Host
 * that the browser sends: without this, a server that needs no token is open to every page.
 */
export function requireHost(hosts: readonly string[]): onRequestHookHandler {
  const allowed = new Set(hosts)
  return (request, reply: FastifyReply, done) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    if (allowed.has(host)) return done()
    sendStatus(reply, httpAnswer(403, 'Host not allowed: it is not among allowedHosts'))
  }
}

/**
 * A hook that answers 403 to requests that come to another address than those of loopback. Sockets without an
 * address, such as those in the file system, are for this machine too.
 */
export const requireOwnMachine: onRequestHookHandler = (request, reply, done) => {
  const { localAddress } = request.socket
  if (localAddress === undefined || isLoopback(localAddress)) return done()
  const problem =
    'This server needs no token, and so answers its own machine alone: set a token, ' +
    'or allowUnauthenticated if something else says who may reach it'
  sendStatus(reply, httpAnswer(403, problem))
}

interface KnownToken {
  readonly digest: Buffer
  readonly grant: Grant
}

function readRules(rules: readonly TokenRule[]): KnownToken[] {
  const seen = new Map<string, number>()
  return rules.map((rule, index) => {
    const [, hex = ''] = hashPattern.exec(rule.hash) ?? []
    if (hex === '') {
      throw invalidRule(
        `tokens[${index}].hash`,
        'must be sha256: and 64 hex digits; make one with "signalbox token"',
      )
    }
    const digest = hex.toLowerCase()
    const twin = seen.get(digest)
    // Which of the two holds would be a guess.
    if (twin !== undefined) throw invalidRule(`tokens[${index}].hash`, `is that of tokens[${twin}]`)
    seen.set(digest, index)
    checkScopes(rule, index)
    const { name, namespaces, scopes } = rule
    return { digest: Buffer.from(digest, 'hex'), grant: { name, namespaces, scopes } }
  })
}

/** A rule that grants nothing, or what there is not, is an error of who wrote it. */
function checkScopes({ namespaces, scopes }: TokenRule, index: number): void {
  const isRecord = namespaces !== undefined && !Array.isArray(namespaces)
  if (isRecord === (scopes !== undefined)) {
    throw invalidRule(
      `tokens[${index}].scopes`,
      isRecord ? 'must not be given: namespaces has those of each' : 'must be given',
    )
  }
  for (const scope of isRecord ? Object.values(namespaces).flat() : (scopes ?? [])) {
    if (!scopeNames.includes(scope)) {
      throw invalidRule(`tokens[${index}].scopes`, `must be among ${scopeNames.join(', ')}`)
    }
  }
}

function invalidRule(option: string, problem: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `${option} ${problem}`, {
    fields: { option },
  })
}

function findGrant(known: readonly KnownToken[], token: string): Grant | undefined {
  const digest = digestOf(token)
  let found: Grant | undefined
  for (const candidate of known) {
    if (timingSafeEqual(candidate.digest, digest)) found = candidate.grant
  }
  return found
}

function bearerToken(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization ?? ''
  const [scheme = ''] = header.split(' ', 1)
  const given = header.slice(scheme.length).trim()
  return scheme.toLowerCase() === 'bearer' && given !== '' ? given : undefined
}

function unauthenticated(given: string | undefined): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_UNAUTHENTICATED',
    given === undefined
      ? 'Send the token in the header "Authorization: Bearer <token>"'
      : 'The token is not valid',
  )
}

function digestOf(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
