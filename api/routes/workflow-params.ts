import type { FastifyRequest } from 'fastify'

/** Path parameters, percent-decoded by the router. */
export interface WorkflowParams {
  readonly namespace: string
  readonly workflowId: string
}

export type WorkflowRequest<Body = unknown> = FastifyRequest<{
  Params: WorkflowParams
  Body: Body
}>

export type UpdateRequestById = FastifyRequest<{
  Params: WorkflowParams & { readonly updateId: string }
}>

export type NamedWorkflowRequest<Body> = FastifyRequest<{
  Params: WorkflowParams & { readonly name: string }
  Body: Body
}>

export type NamespaceRequest = FastifyRequest<{ Params: { readonly namespace: string } }>
