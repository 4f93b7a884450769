import { Type } from 'typebox'

/*
 * The answers, as Temporal's messages in proto3 JSON. Fields with their default value are left out,
 * so nearly all are optional. A test compares every answer with them.
 */

const text = Type.Optional(Type.String())
const timestamp = Type.Optional(Type.String({ format: 'date-time' }))
const duration = Type.Optional(Type.String({ examples: ['10s'] }))
const int64 = Type.Optional(Type.String({ description: 'A 64-bit number as text' }))
const integer = Type.Optional(Type.Integer())
const payload = Type.Optional(
  Type.Unknown({ description: 'A value, or a payload with metadata and data in base64' }),
)
const payloads = Type.Optional(
  Type.Unknown({ description: 'An array of values, or {"payloads": […]} in long form' }),
)
const payloadMap = Type.Optional(Type.Record(Type.String(), Type.Unknown()))
const named = Type.Object({ name: Type.String() })
const failureReference = Type.Unsafe<object>({ $ref: '#/components/schemas/Failure' })
const failure = Type.Optional(failureReference)
const execution = Type.Object({ workflowId: Type.String(), runId: Type.String() })

/** Temporal's Failure: what is common to all, and the info of its kind. */
export const failureSchema = Type.Object(
  {
    message: text,
    source: text,
    stackTrace: text,
    cause: failure,
    applicationFailureInfo: Type.Optional(
      Type.Object({
        type: text,
        nonRetryable: Type.Optional(Type.Boolean()),
        details: payloads,
        nextRetryDelay: duration,
        category: text,
      }),
    ),
    timeoutFailureInfo: Type.Optional(
      Type.Object({ timeoutType: text, lastHeartbeatDetails: payloads }),
    ),
    canceledFailureInfo: Type.Optional(Type.Object({ details: payloads })),
    terminatedFailureInfo: Type.Optional(Type.Object({ identity: text })),
    serverFailureInfo: Type.Optional(Type.Object({ nonRetryable: Type.Optional(Type.Boolean()) })),
    activityFailureInfo: Type.Optional(
      Type.Object({
        identity: text,
        activityType: named,
        activityId: text,
        retryState: text,
      }),
    ),
    childWorkflowExecutionFailureInfo: Type.Optional(
      Type.Object({
        namespace: text,
        workflowExecution: execution,
        workflowType: named,
        retryState: text,
      }),
    ),
  },
  { description: "Temporal's Failure" },
)

const executionInfo = Type.Object({
  execution,
  type: Type.Object({ name: Type.String() }),
  startTime: timestamp,
  closeTime: timestamp,
  executionDuration: duration,
  executionTime: timestamp,
  status: Type.String({ examples: ['WORKFLOW_EXECUTION_STATUS_RUNNING'] }),
  historyLength: int64,
  parentExecution: Type.Optional(execution),
  rootExecution: execution,
  memo: Type.Optional(Type.Object({ fields: payloadMap })),
  searchAttributes: Type.Optional(Type.Object({ indexedFields: payloadMap })),
  taskQueue: text,
  firstRunId: text,
})

const historyEvent = Type.Object(
  {
    eventId: Type.String(),
    eventTime: Type.String({ format: 'date-time' }),
    eventType: Type.String({ examples: ['EVENT_TYPE_WORKFLOW_EXECUTION_STARTED'] }),
    version: text,
    taskId: text,
    userMetadata: Type.Optional(Type.Object({ summary: payload, details: payload })),
  },
  {
    description: "Temporal's HistoryEvent, with the attributes of its type",
    // The attributes are Temporal's messages, one for each of its event types.
    patternProperties: { '^[a-z][A-Za-z]*EventAttributes$': Type.Unknown() },
  },
)

export const emptyAnswer = Type.Object({}, { additionalProperties: false })

const processed = Type.Optional(
  Type.Boolean({
    description: 'With waitFor=processed: whether the turn has ended, or only the wait for it',
  }),
)

export const signalAnswer = Type.Object({ processed }, { additionalProperties: false })

export const backupAnswer = Type.Object({ name: Type.String(), bytes: Type.String() })

export const startAnswer = Type.Object({
  runId: Type.String(),
  firstExecutionRunId: Type.String(),
  started: Type.Optional(Type.Boolean()),
  processed,
})

export const resetAnswer = Type.Object({ runId: Type.String() })

export const queryAnswer = Type.Object({
  queryResult: payloads,
  queryRejected: Type.Optional(Type.Object({ status: Type.String() })),
})

/** Why a run does not advance. */
const standstill = {
  parked: Type.Optional(
    Type.Object({
      reason: Type.String(),
      stack: text,
      attempts: Type.Integer(),
      nextAttemptTime: Type.String({ format: 'date-time' }),
    }),
  ),
  quarantined: Type.Optional(
    Type.Object({ reason: Type.String(), since: Type.String({ format: 'date-time' }) }),
  ),
}

export const describeAnswer = Type.Object({
  executionConfig: Type.Object({
    taskQueue: Type.Optional(Type.Object({ name: text, kind: text })),
    workflowExecutionTimeout: duration,
    workflowRunTimeout: duration,
    defaultWorkflowTaskTimeout: duration,
  }),
  workflowExecutionInfo: executionInfo,
  workflowExtendedInfo: Type.Optional(
    Type.Object({
      originalStartTime: timestamp,
      lastResetTime: timestamp,
      resetRunId: text,
      pauseInfo: Type.Optional(
        Type.Object({ identity: text, pausedTime: timestamp, reason: text }),
      ),
    }),
  ),
  pendingActivities: Type.Optional(
    Type.Array(
      Type.Object({
        activityId: Type.String(),
        activityType: Type.Object({ name: Type.String() }),
        state: Type.String(),
        attempt: integer,
        maximumAttempts: integer,
        expirationTime: timestamp,
        lastHeartbeatTime: timestamp,
        lastWorkerIdentity: text,
        lastAttemptCompleteTime: timestamp,
        currentRetryInterval: duration,
        nextAttemptScheduleTime: timestamp,
        scheduledTime: timestamp,
        lastStartedTime: timestamp,
        lastFailure: failure,
        heartbeatDetails: payloads,
      }),
    ),
  ),
  pendingChildren: Type.Optional(
    Type.Array(
      Type.Object({
        workflowId: Type.String(),
        runId: Type.String(),
        workflowTypeName: Type.String(),
        parentClosePolicy: Type.String({ examples: ['PARENT_CLOSE_POLICY_TERMINATE'] }),
      }),
    ),
  ),
  signalbox: Type.Object(
    {
      mailboxDepth: Type.Integer(),
      attempt: Type.Optional(
        Type.Integer({ description: 'From 2: which attempt of a retried workflow this run is' }),
      ),
      cronSchedule: text,
      delayed: Type.Optional(
        Type.Boolean({ description: 'The first turn waits for its time: a delay, retry or cron' }),
      ),
      ...standstill,
      reset: Type.Optional(
        Type.Object({ baseRunId: Type.String(), eventId: Type.String(), reason: text }),
      ),
    },
    { description: 'What Temporal has no field for: why a run does not advance' },
  ),
})

export const historyAnswer = Type.Object({
  history: Type.Object({ events: Type.Array(historyEvent) }),
  nextPageToken: text,
})

export const resultAnswer = Type.Object({
  status: Type.String(),
  runId: text,
  result: payload,
  failure,
  newRunId: text,
  signalbox: Type.Optional(
    Type.Object(standstill, { description: 'Of an open run: why it does not advance' }),
  ),
})

export const listAnswer = Type.Object({
  executions: Type.Optional(Type.Array(executionInfo)),
  nextPageToken: text,
})

export const countAnswer = Type.Object({
  count: int64,
  groups: Type.Optional(
    Type.Array(Type.Object({ groupValues: Type.Array(Type.Unknown()), count: int64 })),
  ),
})

const namespaceAnswer = Type.Object({
  namespaceInfo: Type.Object({ name: Type.String(), state: Type.String() }),
})
export const describeNamespaceAnswer = namespaceAnswer
export const listNamespacesAnswer = Type.Object({ namespaces: Type.Array(namespaceAnswer) })

export const systemInfoAnswer = Type.Object({
  serverVersion: Type.String(),
  capabilities: Type.Record(Type.String(), Type.Boolean()),
})

export const clusterInfoAnswer = Type.Object({
  serverVersion: Type.String(),
  clusterName: Type.String(),
  historyShardCount: Type.Integer(),
  persistenceStore: Type.String(),
  visibilityStore: Type.String(),
})

export const heartbeatAnswer = Type.Object({ cancelRequested: Type.Optional(Type.Boolean()) })

export const updateAnswer = Type.Object({
  updateRef: Type.Object({
    workflowExecution: Type.Object({ workflowId: text, runId: text }),
    updateId: text,
  }),
  outcome: Type.Optional(Type.Object({ success: payloads, failure })),
  stage: text,
})

/** The answer to each signal of a batch: a line of it, or an element. */
export const batchLineAnswer = Type.Object({
  line: Type.Optional(Type.Integer({ description: 'From 1; none if the batch itself is cut off' })),
  runId: text,
  started: Type.Optional(Type.Boolean()),
  processed,
  error: Type.Optional(Type.Unsafe<object>({ $ref: '#/components/schemas/Status' })),
})

/** The answer to a batch that is an array. */
export const batchAnswer = Type.Object({ results: Type.Array(batchLineAnswer) })

/** google.rpc.Status: every error. */
export const statusAnswerSchema = Type.Object({
  code: Type.Integer({ description: 'google.rpc.Code' }),
  message: Type.String(),
  details: Type.Array(
    Type.Object(
      {
        '@type': Type.String({ examples: ['type.googleapis.com/google.rpc.ErrorInfo'] }),
        reason: text,
        domain: text,
        metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
        fieldViolations: Type.Optional(
          Type.Array(Type.Object({ field: Type.String(), description: Type.String() })),
        ),
        startRequestId: text,
        runId: text,
        firstExecutionRunId: text,
        cause: text,
        scope: text,
      },
      { description: 'ErrorInfo, BadRequest, or a detail message of Temporal' },
    ),
  ),
})
