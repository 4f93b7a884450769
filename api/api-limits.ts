import { SignalboxError } from '../runtime/errors.ts'

/** What the API refuses, and how long it waits. Each has a default that suits production. */
export interface ApiLimits {
  /** The largest body, in bytes; larger ones are answered 413. Default 4 MiB, as in Temporal. */
  readonly bodyBytes: number
  /** How deep JSON may be nested, payloads included. Default 64. */
  readonly jsonDepth: number
  /** Entries of a page of the list or of a history, whatever a request asks for. Default and most 1,000. */
  readonly maxPageSize: number
  /** The longest that a request for a result or for new history may wait. Default 60,000. */
  readonly longPollMs: number
  /** Requests of one namespace a second, and at once after a quiet second. Default: 1,000,000. */
  readonly requestsPerSecond: number
  /** Lines of one batch that are in hand; no more are read until the first is answered. Default 4,096. */
  readonly batchInFlight: number
  /** How long a line of a batch waits for room in a full mailbox. Default 30,000. */
  readonly batchWaitMs: number
  /** How long a batch may bring no byte while more is waited for. Default 30,000. */
  readonly batchIdleMs: number
  /** Streams of events at a time; further ones are answered 429. Default 1,000. */
  readonly eventStreams: number
  /** A stream of events is never silent for longer: then it has a comment. Default 15,000. */
  readonly keepAliveMs: number
}

/** The engine makes no larger pages. */
const mostPageSize = 1000

export const defaultApiLimits: ApiLimits = {
  bodyBytes: 4 * 1024 * 1024,
  jsonDepth: 64,
  maxPageSize: mostPageSize,
  longPollMs: 60_000,
  requestsPerSecond: 1_000_000,
  batchInFlight: 4096,
  batchWaitMs: 30_000,
  batchIdleMs: 30_000,
  eventStreams: 1000,
  keepAliveMs: 15_000,
}

/** Limits of the sockets, for the server that {@link createServer} makes. */
export interface ServerLimits extends ApiLimits {
  /** From a request's first byte to its last, against slow senders. Default 30,000. */
  readonly requestTimeoutMs: number
  /** From a request's first byte to the end of its headers. Default 10,000. */
  readonly headersTimeoutMs: number
  /** A connection without traffic, long polls included, is closed. Default 90,000. */
  readonly connectionTimeoutMs: number
  /** An idle connection is kept for the next request. Default 72,000. */
  readonly keepAliveTimeoutMs: number
  /** Requests on one connection before it is closed. Default 1,000,000. */
  readonly maxRequestsPerSocket: number
  /** Connections at a time; further ones are refused. Default 20,000. */
  readonly maxConnections: number
}

export const defaultServerLimits: ServerLimits = {
  ...defaultApiLimits,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  connectionTimeoutMs: 90_000,
  keepAliveTimeoutMs: 72_000,
  maxRequestsPerSocket: 1_000_000,
  maxConnections: 20_000,
}

/**
 * `given` over `defaults`.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a limit that is not a positive integer, and
 *   for a name that is none
 */
export function withLimits<Limits extends ApiLimits>(
  defaults: Limits,
  given: Partial<Limits> | undefined,
): Limits {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!Object.hasOwn(defaultServerLimits, name)) throw invalid(name, 'is not a limit of the API')
    if (!Number.isSafeInteger(value) || Number(value) < 1) {
      throw invalid(name, 'must be a positive integer')
    }
    if (name === 'maxPageSize' && Number(value) > mostPageSize) {
      throw invalid(name, `must be at most ${mostPageSize}`)
    }
  }
  return { ...defaults, ...given }
}

function invalid(name: string, problem: string): SignalboxError {
  const option = `limits.${name}`
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `${option} ${problem}`, {
    fields: { option },
  })
}
