import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { SignalboxError } from '../runtime/errors.ts'
import type { Operation, Scope } from './operation.ts'

/** What a caller may do. */
export interface Grant {
  /** For people: it is in the log. */
  readonly name?: string | undefined
  /** Default: all. */
  readonly namespaces?: readonly string[] | undefined
  readonly scopes: readonly Scope[]
}

/** Requests without one are not held to any: the service around the plugin has let them through. */
const grants = new WeakMap<IncomingMessage, Grant>()

/** Let a request do what its grant says; the error if its operation is not among that. */
export function allowOperation(
  request: FastifyRequest,
  operation: Operation | undefined,
  grant: Grant,
): SignalboxError | undefined {
  grants.set(request.raw, grant)
  const { params } = request
  if (typeof params === 'object' && params !== null && 'namespace' in params) {
    const namespace = String(params.namespace)
    if (!mayUse(grant, namespace)) return denied(`for the namespace ${namespace}`)
  }
  // A route that does not say what it needs is for nobody else.
  const scopes = operation?.scopes ?? ['admin']
  const missing = scopes.find((scope) => !hasScope(grant, scope))
  return missing === undefined ? undefined : denied(`with the scope ${missing}`)
}

/** @throws SignalboxError SIGNALBOX_ERR_PERMISSION_DENIED unless the request may do this too */
export function checkScope(request: FastifyRequest, scope: Scope): void {
  const grant = grants.get(request.raw)
  if (grant !== undefined && !hasScope(grant, scope)) throw denied(`with the scope ${scope}`)
}

/** True if the request may know of the namespace. */
export function maySee(request: FastifyRequest, namespace: string): boolean {
  const grant = grants.get(request.raw)
  return grant === undefined || mayUse(grant, namespace)
}

function mayUse({ namespaces }: Grant, namespace: string): boolean {
  return namespaces === undefined || namespaces.includes(namespace)
}

function hasScope({ scopes }: Grant, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin')
}

function denied(need: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_PERMISSION_DENIED', `This needs a token ${need}`)
}
