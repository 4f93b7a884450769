import { Type } from 'typebox'

/*
 * The bodies of requests, as Temporal's messages in proto3 JSON. These schemas say which fields
 * there are and of what JSON type; what a duration, an enum or a payload may be is checked where it
 * is decoded, so that the error can say more than a pattern.
 */

const strict = { additionalProperties: false }
const text = Type.Optional(Type.String())
const duration = Type.Optional(Type.String({ examples: ['10s'] }))
const enumeration = Type.Optional(Type.Union([Type.String(), Type.Integer()]))
const integer = Type.Optional(Type.Union([Type.Integer(), Type.String()]))
const float = Type.Optional(Type.Union([Type.Number(), Type.String()]))
const flag = Type.Optional(Type.Boolean())
/** Payloads, in shorthand or long form: payload-json.ts decodes them. */
const payloads = Type.Optional(
  Type.Unknown({ description: 'An array of values, or {"payloads": […]} in long form' }),
)
const payloadMap = Type.Optional(Type.Unknown({ description: 'Values by name' }))
/** Accepted and not looked at: hints that change nothing here. */
const ignored = Type.Optional(Type.Unknown())

const execution = Type.Optional(Type.Object({ workflowId: text, runId: text }, strict))
const header = Type.Optional(Type.Object({ fields: payloadMap }, strict))

const startFields = {
  namespace: text,
  workflowId: text,
  workflowType: Type.Optional(Type.Object({ name: text }, strict)),
  taskQueue: Type.Optional(
    Type.Object({ name: text, kind: enumeration, normalName: text }, strict),
  ),
  input: payloads,
  workflowExecutionTimeout: duration,
  workflowRunTimeout: duration,
  workflowTaskTimeout: duration,
  identity: text,
  requestId: text,
  workflowIdReusePolicy: enumeration,
  workflowIdConflictPolicy: enumeration,
  retryPolicy: Type.Optional(
    Type.Object(
      {
        initialInterval: duration,
        backoffCoefficient: float,
        maximumInterval: duration,
        maximumAttempts: integer,
        nonRetryableErrorTypes: Type.Optional(Type.Array(Type.String())),
      },
      strict,
    ),
  ),
  cronSchedule: text,
  memo: Type.Optional(Type.Object({ fields: payloadMap }, strict)),
  searchAttributes: Type.Optional(Type.Object({ indexedFields: payloadMap }, strict)),
  header,
  workflowStartDelay: duration,
  links: ignored,
  priority: ignored,
}

export const startBody = Type.Object({ ...startFields, requestEagerExecution: flag }, strict)
export type StartBody = Type.Static<typeof startBody>

export const signalWithStartBody = Type.Object(
  { ...startFields, signalName: text, signalInput: payloads, control: text },
  strict,
)
export type SignalWithStartBody = Type.Static<typeof signalWithStartBody>

export const signalBody = Type.Object(
  {
    namespace: text,
    workflowExecution: execution,
    signalName: text,
    input: payloads,
    identity: text,
    requestId: text,
    control: text,
    header,
    links: ignored,
  },
  strict,
)
export type SignalBody = Type.Static<typeof signalBody>

/** A line of a batch: both messages above in one. */
export const batchSignalBody = Type.Object(
  {
    ...startFields,
    workflowExecution: execution,
    signalName: text,
    signalInput: payloads,
    control: text,
  },
  strict,
)
export type BatchSignalBody = Type.Static<typeof batchSignalBody>
export const updateBody = Type.Object(
  {
    namespace: text,
    workflowExecution: execution,
    firstExecutionRunId: text,
    waitPolicy: Type.Optional(Type.Object({ lifecycleStage: enumeration }, strict)),
    request: Type.Optional(
      Type.Object(
        {
          meta: Type.Optional(Type.Object({ updateId: text, identity: text }, strict)),
          input: Type.Optional(Type.Object({ header, name: text, args: payloads }, strict)),
          requestId: text,
          links: ignored,
        },
        strict,
      ),
    ),
  },
  strict,
)
export type UpdateBody = Type.Static<typeof updateBody>

export const queryBody = Type.Object(
  {
    namespace: text,
    execution,
    query: Type.Optional(Type.Object({ queryType: text, queryArgs: payloads, header }, strict)),
    queryRejectCondition: enumeration,
  },
  strict,
)
export type QueryBody = Type.Static<typeof queryBody>

export const cancelBody = Type.Object(
  {
    namespace: text,
    workflowExecution: execution,
    identity: text,
    requestId: text,
    firstExecutionRunId: text,
    reason: text,
    links: ignored,
  },
  strict,
)
export type CancelBody = Type.Static<typeof cancelBody>

export const terminateBody = Type.Object(
  {
    namespace: text,
    workflowExecution: execution,
    reason: text,
    details: payloads,
    identity: text,
    firstExecutionRunId: text,
    links: ignored,
  },
  strict,
)
export type TerminateBody = Type.Static<typeof terminateBody>

export const releaseBody = Type.Object({ namespace: text, workflowExecution: execution }, strict)
export type ReleaseBody = Type.Static<typeof releaseBody>

export const resetBody = Type.Object(
  {
    namespace: text,
    workflowExecution: execution,
    reason: text,
    workflowTaskFinishEventId: integer,
    requestId: text,
    resetReapplyType: enumeration,
    resetReapplyExcludeTypes: Type.Optional(
      Type.Array(Type.Union([Type.String(), Type.Integer()])),
    ),
    identity: text,
  },
  strict,
)
export type ResetBody = Type.Static<typeof resetBody>

/** Of pause and of unpause. */
export const pauseBody = Type.Object(
  { namespace: text, workflowId: text, runId: text, identity: text, reason: text, requestId: text },
  strict,
)
export type PauseBody = Type.Static<typeof pauseBody>

/** What says which activity is meant, by token or ids, and what changes nothing here. */
const activityFields = {
  namespace: text,
  taskToken: text,
  workflowId: text,
  runId: text,
  activityId: text,
  identity: text,
  workerVersion: ignored,
  deployment: ignored,
  deploymentOptions: ignored,
  resourceId: ignored,
}

export const activityDetailsBody = Type.Object({ ...activityFields, details: payloads }, strict)
export type ActivityDetailsBody = Type.Static<typeof activityDetailsBody>

export const activityCompleteBody = Type.Object({ ...activityFields, result: payloads }, strict)
export type ActivityCompleteBody = Type.Static<typeof activityCompleteBody>

export const activityFailBody = Type.Object(
  { ...activityFields, failure: Type.Optional(Type.Unknown()), lastHeartbeatDetails: ignored },
  strict,
)
export type ActivityFailBody = Type.Static<typeof activityFailBody>

export const backupBody = Type.Object({ name: text, compact: flag }, strict)
export type BackupBody = Type.Static<typeof backupBody>
