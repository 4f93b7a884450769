import type {
  SearchAttributePair,
  SearchAttributes,
  TypedSearchAttributes,
} from '../search-attributes.ts'
import type { Duration } from './duration.ts'
import type { RetryPolicy } from './retry-policy.ts'
import type { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from './workflow-id-policies.ts'

/** How long a workflow may take. */
export interface WorkflowDurationOptions {
  /** The longest that one run may take. Default no limit. */
  workflowRunTimeout?: Duration
  /** The longest that it may take, retries and runs that continue it included. Default no limit. */
  workflowExecutionTimeout?: Duration
  workflowTaskTimeout?: Duration
}

/** What any start of a workflow may say of it, but for its durations. */
export interface BaseWorkflowOptions {
  /** Whether the id may be used again after a run that has closed. Default it may. */
  workflowIdReusePolicy?: WorkflowIdReusePolicy
  /** What becomes of a running workflow of the id. Default the start fails. */
  workflowIdConflictPolicy?: WorkflowIdConflictPolicy
  /** Default it is not tried again. */
  retry?: RetryPolicy
  cronSchedule?: string
  memo?: Record<string, unknown>
  /** Prefer `typedSearchAttributes`, which count where both name a key. */
  searchAttributes?: SearchAttributes
  typedSearchAttributes?: SearchAttributePair[] | TypedSearchAttributes
  /** A line that says what the workflow is for. */
  staticSummary?: string
  /** More than a line. */
  staticDetails?: string
  /** Accepted and without effect here: one runtime runs all workflows. */
  priority?: { priorityKey?: number; fairnessKey?: string; fairnessWeight?: number }
}

/** What any start of a workflow may say of it, besides its type, arguments and id. */
export type CommonWorkflowOptions = BaseWorkflowOptions & WorkflowDurationOptions
