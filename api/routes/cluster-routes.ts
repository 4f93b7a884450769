import type { FastifyInstance } from 'fastify'
import { checkNamespace } from '../../runtime/identifiers.ts'
import type { WorkflowService } from '../../runtime/workflow-service.ts'
import { sendJson } from '../answer.ts'
import type { JsonValue } from '../json-text.ts'
import { packageVersion } from '../package-version.ts'
import { rejectQuery, RequestQuery } from '../request-query.ts'
import type { NamespaceRequest } from './workflow-params.ts'

/** Of a data folder; see docs/architecture.md. */
const shards = 256
const listNames = ['pageSize', 'nextPageToken']

/** What the server is, and its namespaces. In Temporal's short and long path forms. */
export function addClusterRoutes(app: FastifyInstance, service: WorkflowService): void {
  const serverVersion = packageVersion()
  for (const path of ['/system-info', '/api/v1/system-info']) {
    app.get(path, (request, reply) => {
      rejectQuery(request.query)
      return sendJson(request, reply, {
        serverVersion,
        // What Temporal's clients ask for before they use a feature.
        capabilities: { signalAndQueryHeader: true, internalErrorDifferentiation: true },
      })
    })
  }
  for (const path of ['/cluster', '/api/v1/cluster-info']) {
    app.get(path, (request, reply) => {
      rejectQuery(request.query)
      return sendJson(request, reply, {
        serverVersion,
        clusterName: 'signalbox',
        historyShardCount: shards,
        persistenceStore: 'lmdb',
        visibilityStore: 'lmdb',
      })
    })
  }
  for (const path of ['/cluster/namespaces', '/namespaces', '/api/v1/namespaces']) {
    app.get(path, (request, reply) => {
      // Few enough for one page, so there is no token.
      void new RequestQuery(request.query, listNames)
      const namespaces = service.listNamespaces().map(encodeNamespace)
      return sendJson(request, reply, { namespaces })
    })
    app.get(`${path}/:namespace`, (request: NamespaceRequest, reply) => {
      rejectQuery(request.query)
      const { namespace } = request.params
      checkNamespace(namespace)
      return sendJson(request, reply, encodeNamespace(namespace))
    })
  }
}

/** Namespaces need not be registered: every valid name is one. */
function encodeNamespace(name: string): JsonValue {
  return { namespaceInfo: { name, state: 'NAMESPACE_STATE_REGISTERED' } }
}
