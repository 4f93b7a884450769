import type { FastifyInstance, FastifyReply } from 'fastify'
import { checkNamespace } from '../../runtime/identifiers.ts'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import {
  clusterInfoAnswer,
  describeNamespaceAnswer,
  listNamespacesAnswer,
  systemInfoAnswer,
} from '../answer-schemas.ts'
import { sendJson } from '../answer.ts'
import { maySee } from '../grant.ts'
import type { JsonValue } from '../json-text.ts'
import type { Operation } from '../operation.ts'
import { packageVersion } from '../package-version.ts'
import { rejectQuery, RequestQuery } from '../request-query.ts'
import type { NamespaceRequest } from './workflow-params.ts'

/** Of a data folder; see docs/architecture.md. */
const shards = 256
const listNames = ['pageSize', 'nextPageToken']

/** What the server is, and its namespaces. In Temporal's short and long path forms. */
export function addClusterRoutes(app: FastifyInstance, service: WorkflowService): void {
  const serverVersion = packageVersion()
  addForms(app, ['/api/v1/system-info', '/system-info'], systemInfo, (request, reply) => {
    rejectQuery(request.query)
    return sendJson(request, reply, {
      serverVersion,
      // What Temporal's clients ask for before they use a feature.
      capabilities: { signalAndQueryHeader: true, internalErrorDifferentiation: true },
    })
  })
  addForms(app, ['/api/v1/cluster-info', '/cluster'], clusterInfo, (request, reply) => {
    rejectQuery(request.query)
    return sendJson(request, reply, {
      serverVersion,
      clusterName: 'signalbox',
      historyShardCount: shards,
      persistenceStore: 'lmdb',
      visibilityStore: 'lmdb',
    })
  })
  const namespaces = ['/api/v1/namespaces', '/namespaces', '/cluster/namespaces']
  addForms(app, namespaces, listNamespaces, (request, reply) => {
    // Few enough for one page, so there is no token.
    void new RequestQuery(request.query, listNames)
    const visible = service.listNamespaces().filter((namespace) => maySee(request, namespace))
    return sendJson(request, reply, { namespaces: visible.map(encodeNamespace) })
  })
  const each = namespaces.map((path) => `${path}/:namespace`)
  addForms(app, each, describeNamespace, (request, reply) => {
    rejectQuery(request.query)
    const { namespace } = request.params
    checkNamespace(namespace)
    return sendJson(request, reply, encodeNamespace(namespace))
  })
}

const systemInfo: Operation = {
  id: 'GetSystemInfo',
  summary: 'What the server is and can do',
  answer: systemInfoAnswer,
  scopes: [],
}
const clusterInfo: Operation = {
  id: 'GetClusterInfo',
  summary: 'What the server is and where it stores',
  answer: clusterInfoAnswer,
  scopes: [],
}
const listNamespaces: Operation = {
  id: 'ListNamespaces',
  summary: 'The namespaces that have workflows',
  query: listNames,
  answer: listNamespacesAnswer,
  scopes: [],
}
const describeNamespace: Operation = {
  id: 'DescribeNamespace',
  summary: 'A namespace',
  answer: describeNamespaceAnswer,
  scopes: ['read'],
}

/** One route under several paths; the first is the one that is documented. */
function addForms(
  app: FastifyInstance,
  paths: readonly string[],
  operation: Operation,
  handler: (request: NamespaceRequest, reply: FastifyReply) => FastifyReply,
): void {
  for (const [at, path] of paths.entries()) {
    app.get(path, { config: { operation: { ...operation, isAlias: at > 0 } } }, handler)
  }
}

/** Namespaces need not be registered: every valid name is one. */
function encodeNamespace(name: string): JsonValue {
  return { namespaceInfo: { name, state: 'NAMESPACE_STATE_REGISTERED' } }
}
