import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import type { StartRequest } from '../runtime/workflow-service.ts'
import type { Operation, Scope } from './operation.ts'

/** What a caller may do. */
export interface Grant {
  /** For people: it is in the log. */
  readonly name?: string | undefined
  /**
   * Default: all. A list is of namespaces in which `scopes` hold; a record has the scopes of each
   * namespace, and `scopes` holds nowhere.
   */
  readonly namespaces?: readonly string[] | NamespaceScopes | undefined
  readonly scopes?: readonly Scope[] | undefined
}

export type NamespaceScopes = Readonly<Record<string, readonly Scope[]>>

/** Requests without one are not held to any: the service around the plugin has let them through. */
const grants = new WeakMap<IncomingMessage, Grant>()

/** Let a request do what its grant says; the error if its operation is not among that. */
export function allowOperation(
  request: FastifyRequest,
  operation: Operation | undefined,
  grant: Grant,
): SignalboxError | undefined {
  grants.set(request.raw, grant)
  const namespace = namespaceOf(request)
  const held = scopesIn(grant, namespace)
  // A route that does not say what it needs is for nobody else.
  const needed = operation?.scopes ?? ['admin']
  const missing = needed.find((scope) => held === undefined || !includesScope(held, scope))
  if (held !== undefined && missing === undefined) return undefined
  const { name } = grant
  request.log.info({ token: name, operation: operation?.id, namespace, missing }, 'not permitted')
  return denied(held === undefined ? `for the namespace ${namespace}` : `with the scope ${missing}`)
}

/** @throws SignalboxError SIGNALBOX_ERR_PERMISSION_DENIED unless the request may do this too */
export function checkScope(request: FastifyRequest, scope: Scope): void {
  const grant = grants.get(request.raw)
  if (grant === undefined) return
  const held = scopesIn(grant, namespaceOf(request)) ?? []
  if (!includesScope(held, scope)) throw denied(`with the scope ${scope}`)
}

/**
 * A start whose policies end a workflow that runs needs what its termination needs.
 *
 * @throws SignalboxError SIGNALBOX_ERR_PERMISSION_DENIED unless the request may do this too
 */
export function checkReplacement(
  request: FastifyRequest,
  { idConflictPolicy, idReusePolicy }: Pick<StartRequest, 'idConflictPolicy' | 'idReusePolicy'>,
): void {
  if (idConflictPolicy === 'TERMINATE_EXISTING' || idReusePolicy === 'TERMINATE_IF_RUNNING') {
    checkScope(request, 'admin')
  }
}

/** @throws SignalboxError SIGNALBOX_ERR_PERMISSION_DENIED if the request is held to some namespaces */
export function checkAllNamespaces(request: FastifyRequest): void {
  if (grants.get(request.raw)?.namespaces !== undefined) throw denied('for all namespaces')
}

/** True if the request may know of the namespace. */
export function maySee(request: FastifyRequest, namespace: string): boolean {
  const grant = grants.get(request.raw)
  return grant === undefined || scopesIn(grant, namespace) !== undefined
}

function namespaceOf({ params }: FastifyRequest): string | undefined {
  const isIn = typeof params === 'object' && params !== null && 'namespace' in params
  return isIn ? String(params.namespace) : undefined
}

/** What the grant has in a namespace, or outside of all; undefined if the namespace is none of its own. */
function scopesIn(
  { namespaces, scopes = [] }: Grant,
  namespace: string | undefined,
): readonly Scope[] | undefined {
  if (namespaces === undefined) return scopes
  if (isList(namespaces)) {
    return namespace === undefined || namespaces.includes(namespace) ? scopes : undefined
  }
  if (namespace === undefined) return []
  return Object.hasOwn(namespaces, namespace) ? namespaces[namespace] : undefined
}

function isList(namespaces: readonly string[] | NamespaceScopes): namespaces is readonly string[] {
  return Array.isArray(namespaces)
}

function includesScope(held: readonly Scope[], scope: Scope): boolean {
  return held.includes(scope) || held.includes('admin')
}

function denied(need: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_PERMISSION_DENIED', `This needs a token ${need}`)
}
