import { encodeSearchAttributes } from '../actors/search-attribute-payloads.ts'
import { optionalFiniteMs } from '../actors/workflow/duration.ts'
import { enumValue } from '../actors/workflow/enum-value.ts'
import { fillRetryPolicy, type RetryPolicy } from '../actors/workflow/retry-policy.ts'
import { type SearchAttributePair, TypedSearchAttributes } from '../actors/search-attributes.ts'
import {
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '../actors/workflow/workflow-id-policies.ts'
import {
  abortSignal,
  anything,
  convertibleBy,
  flag,
  list,
  milliseconds,
  named,
  oneOf,
  optionCheck,
  ruleOf,
  text,
  texts,
} from './option-check.ts'

/*
 * What the options of clients must be. A name that there is not, or a value of another kind, would else be passed over
 * in silence: the types say so only where a compiler looks. Ids and names are checked with the request.
 */

const duration = convertibleBy(optionalFiniteMs)

/** Of Temporal's clients, for what a cluster has. Without effect here. */
const ofClusters = {
  priority: anything,
  versioningOverride: anything,
  requestEagerStart: anything,
  typeInfo: anything,
}

const checkRetryOptions = optionCheck('{ maximumAttempts: 3 }', {
  backoffCoefficient: anything,
  initialInterval: duration,
  maximumAttempts: anything,
  maximumInterval: duration,
  nonRetryableErrorTypes: texts,
})
const fitsRetryPolicy = convertibleBy((policy: RetryPolicy) => fillRetryPolicy(policy))
const fitsUntyped = convertibleBy((values: never) => encodeSearchAttributes(values, undefined))
const fitsTyped = convertibleBy((values: never) => encodeSearchAttributes(undefined, values))

const areTyped = ruleOf(
  'TypedSearchAttributes or an array of pairs { key, value }',
  (value) =>
    value instanceof TypedSearchAttributes || (Array.isArray(value) && value.every(isPair)),
)

function isPair(value: unknown): boolean {
  const key = (value as Partial<SearchAttributePair> | null | undefined)?.key
  return typeof key?.name === 'string'
}

const start = {
  workflowId: anything,
  args: list,
  namespace: anything,
  taskQueue: anything,
  requestId: anything,
  followRuns: flag,
  workflowIdReusePolicy: convertibleBy((value: unknown) =>
    enumValue(WorkflowIdReusePolicy, 'WORKFLOW_ID_REUSE_POLICY_', value),
  ),
  workflowIdConflictPolicy: convertibleBy((value: unknown) =>
    enumValue(WorkflowIdConflictPolicy, 'WORKFLOW_ID_CONFLICT_POLICY_', value),
  ),
  workflowExecutionTimeout: duration,
  workflowRunTimeout: duration,
  workflowTaskTimeout: duration,
  memo: named,
  staticSummary: text,
  staticDetails: text,
  searchAttributes: (value: unknown, field: string) => {
    named(value, field)
    fitsUntyped(value, field)
  },
  typedSearchAttributes: (value: unknown, field: string) => {
    areTyped(value, field)
    fitsTyped(value, field)
  },
  retry: (value: unknown, field: string) => {
    checkRetryOptions(value, field)
    fitsRetryPolicy(value, field)
  },
  cronSchedule: text,
  startDelay: duration,
  ...ofClusters,
}

const processedWait = {
  waitFor: oneOf('durable', 'processed'),
  timeoutMs: milliseconds,
  abortSignal,
}

export const checkStartOptions = optionCheck("{ workflowId: 'order-17', args: [] }", start)

export const checkSignalWithStartOptions = optionCheck(
  "{ workflowId: 'order-17', signal: 'pay', signalArgs: [] }",
  { ...start, signal: anything, signalArgs: list, signalTypeInfo: anything, ...processedWait },
)

export const checkSignalOptions = optionCheck("{ signal: 'pay', requestId: 'payment-4' }", {
  signal: anything,
  requestId: anything,
  ...processedWait,
})

const updateWait = { timeout: duration, abortSignal }
const update = { args: list, updateId: anything, typeInfo: anything, ...updateWait }
const waitForStage = oneOf('ADMITTED', 'ACCEPTED', 'COMPLETED')

export const checkUpdateOptions = optionCheck("{ args: [1], updateId: 'u-1' }", update)

export const checkStartUpdateOptions = optionCheck("{ args: [1], waitForStage: 'ACCEPTED' }", {
  ...update,
  waitForStage,
})

export const checkUpdateWithStartOptions = optionCheck('{ startWorkflowOperation, args: [1] }', {
  ...update,
  startWorkflowOperation: anything,
})

export const checkStartUpdateWithStartOptions = optionCheck(
  "{ startWorkflowOperation, args: [1], waitForStage: 'ACCEPTED' }",
  { ...update, waitForStage, startWorkflowOperation: anything },
)

export const checkUpdateWaitOptions = optionCheck("{ timeout: '10 s' }", updateWait)

export const checkUpdateHandleOptions = optionCheck("{ workflowRunId: '…' }", {
  workflowRunId: anything,
  typeInfo: anything,
})

export const checkQueryOptions = optionCheck("{ args: [1], rejectCondition: 'NOT_OPEN' }", {
  args: list,
  rejectCondition: oneOf('NONE', 'NOT_OPEN', 'NOT_COMPLETED_CLEANLY'),
  typeInfo: anything,
})

export const checkHandleOptions = optionCheck('{ followRuns: false }', {
  followRuns: flag,
  namespace: anything,
  firstExecutionRunId: text,
  typeInfo: anything,
})

export const checkListOptions = optionCheck(`{ query: "WorkflowType = 'order'" }`, {
  namespace: anything,
  query: text,
  pageSize: anything,
})

const asking = { reason: anything, identity: anything, requestId: anything }

export const checkPauseOptions = optionCheck("{ reason: 'a question' }", asking)

export const checkResetOptions = optionCheck('{ eventId: 4 }', {
  ...asking,
  eventId: anything,
  type: oneOf('FirstWorkflowTask', 'LastWorkflowTask'),
  reapplyExclude: (value: unknown, field: string) => {
    list(value, field)
    for (const one of value as readonly unknown[]) oneOf('SIGNAL', 'UPDATE')(one, field)
  },
})
