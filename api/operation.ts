import type { TSchema } from 'typebox'
import type { ErrorCode } from '../runtime/errors.ts'

export const scopeNames = ['read', 'signal', 'start', 'admin'] as const

/** What a token may do in a namespace. `admin` includes the others. */
export type Scope = (typeof scopeNames)[number]

/**
 * What a route is, beside its path and the schema of its body: from this the OpenAPI document is
 * made, its query parameters are checked, and the scopes of tokens are.
 */
export interface Operation {
  /** In the document, and in metrics. */
  readonly id: string
  readonly summary: string
  readonly description?: string
  /** The names of its query parameters; see query-parameters.ts. */
  readonly query?: readonly string[]
  /** The JSON of its answer, or the media type of a stream. */
  readonly answer: TSchema | 'application/x-ndjson' | 'text/event-stream' | 'text/plain'
  /** The errors of its own; every route has those of {@link commonErrors}. */
  readonly errors?: readonly ErrorCode[]
  /** All of them are needed. None: every valid token will do. */
  readonly scopes: readonly Scope[]
  /** Another path of a route that is documented. */
  readonly isAlias?: boolean
}

/** Errors that every operation may have, whatever it is asked. */
export const commonErrors: readonly ErrorCode[] = [
  'SIGNALBOX_ERR_INVALID_ARGUMENT',
  'SIGNALBOX_ERR_UNAUTHENTICATED',
  'SIGNALBOX_ERR_PERMISSION_DENIED',
  'SIGNALBOX_ERR_TOO_MANY_REQUESTS',
  'SIGNALBOX_ERR_RUNTIME_CLOSED',
  'SIGNALBOX_ERR_RUNTIME_POISONED',
]

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation
    /** For health and documentation: it needs no token. */
    isPublic?: boolean
  }
}
