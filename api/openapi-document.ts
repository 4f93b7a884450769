import type { RouteOptions } from 'fastify'
import type { TSchema } from 'typebox'
import { type ErrorCode, errorTable, SignalboxError } from '../runtime/errors.ts'
import {
  batchAnswer,
  batchLineAnswer,
  failureSchema,
  statusAnswerSchema,
} from './answer-schemas.ts'
import { commonErrors, type Operation } from './operation.ts'
import { packageVersion } from './package-version.ts'
import { commonParameters, queryParameters } from './query-parameters.ts'
import { statusAnswer } from './rpc-status.ts'
import { batchSignalBody } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

const statusReference = { schema: { $ref: '#/components/schemas/Status' } }
const introduction =
  "Temporal's HTTP API, and what signalbox has beyond it. Every path below /api/v1/namespaces " +
  'is also there without /api/v1. Names may be in snake_case; unknown fields are refused.'

/**
 * The OpenAPI document of a server, made of the routes as they are registered: of the very schemas
 * that validate bodies, and the names by which query parameters are looked up.
 */
export class OpenapiDocument {
  readonly #paths: Record<string, Record<string, Json>> = {}
  #text: string | undefined

  /** Take a route, if it is one of the API's. Fastify calls this for each, with its whole path. */
  add(route: RouteOptions): void {
    const operation = route.config?.operation
    if (operation === undefined || operation.isAlias === true) return
    // The short form of every path would only double the document.
    if (!route.url.includes('/api/v1/')) return
    for (const method of [route.method].flat()) {
      // Fastify adds HEAD to each GET.
      if (method === 'HEAD') continue
      const path = route.url.replace(/:(\w+)/g, '{$1}')
      this.#paths[path] ??= {}
      this.#paths[path][method.toLowerCase()] = describe(route, operation)
      this.#text = undefined
    }
  }

  get text(): string {
    this.#text ??= JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'signalbox', version: packageVersion(), description: introduction },
      security: [{ bearer: [] }],
      paths: this.#paths,
      components: {
        schemas: { Status: statusAnswerSchema, Failure: failureSchema },
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      },
    })
    return this.#text
  }
}

function describe(route: RouteOptions, operation: Operation): Json {
  const { id, summary, description, scopes, answer, errors = [] } = operation
  const body = bodyOf(route, answer)
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(scopes.length === 0 ? {} : { 'x-signalbox-scopes': scopes }),
    parameters: [...pathParameters(route.url), ...queryOf(operation), ...headersOf(route, answer)],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      200: { description: 'Done', content: contentOf(answer) },
      ...(answer === 'text/event-stream' && route.url.includes(':workflowId')
        ? { 204: { description: 'The workflow has closed and everything was told' } }
        : {}),
      ...errorResponses([...commonErrors, ...errors]),
      default: {
        description: 'What HTTP itself refuses, or an internal error',
        content: { 'application/json': statusReference },
      },
    },
  }
}

function contentOf(answer: Operation['answer']): Json {
  if (answer === 'application/x-ndjson') {
    return {
      'application/x-ndjson': { schema: batchLineAnswer },
      'application/json': { schema: batchAnswer },
    }
  }
  if (answer === 'text/event-stream') {
    return { 'text/event-stream': { schema: { type: 'string' } } }
  }
  return { 'application/json': { schema: answer } }
}

function bodyOf(route: RouteOptions, answer: Operation['answer']): Json | undefined {
  if (answer === 'application/x-ndjson') {
    const list = { type: 'array', items: batchSignalBody }
    return {
      required: true,
      content: {
        'application/json': { schema: list },
        'application/x-ndjson': { schema: { type: 'string' } },
      },
    }
  }
  const schema = route.schema?.body as TSchema | undefined
  if (schema === undefined) return undefined
  return { required: false, content: { 'application/json': { schema } } }
}

function pathParameters(url: string): readonly Json[] {
  return [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
  }))
}

function queryOf({ query = [] }: Operation): readonly Json[] {
  return [...query, ...commonParameters].map((name) => {
    const schema = queryParameters[name]
    if (schema === undefined) throw new Error(`query parameter ${name} is not described`)
    return { name, in: 'query', schema }
  })
}

function headersOf(route: RouteOptions, answer: Operation['answer']): readonly Json[] {
  const header = (name: string) => ({ name, in: 'header', schema: { type: 'string' } })
  if (answer === 'text/event-stream') return [header('Last-Event-ID')]
  const { properties = {} } = (route.schema?.body ?? {}) as { properties?: Json }
  const takesRequestId = 'requestId' in properties || answer === 'application/x-ndjson'
  return takesRequestId ? [header('Idempotency-Key')] : []
}

/** Errors by HTTP status, each status with its codes and what they mean. */
function errorResponses(codes: readonly ErrorCode[]): Json {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    const { http } = statusAnswer(new SignalboxError(code, ''), '')
    byStatus.set(http, [...(byStatus.get(http) ?? []), code])
  }
  const responses = [...byStatus].map(([http, of]) => [
    http,
    {
      description: of.map((code) => `${code}: ${errorTable[code][1]}`).join('\n\n'),
      content: { 'application/json': statusReference },
      'x-signalbox-errors': of,
    },
  ])
  return Object.fromEntries(responses) as Json
}
