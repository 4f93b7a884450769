import type { Headers, Next } from '../actors/workflow/interceptors.ts'
import type {
  IdConflictPolicy,
  IdReusePolicy,
  UpdateOutcome,
  UpdateStage,
  WorkflowDescription,
} from './workflow-service.ts'

/** A workflow, and a run of it if one was named. */
export interface WorkflowExecution {
  readonly workflowId: string
  readonly runId?: string
}

/** Options of a start as interceptors see and may change them. Timeouts in milliseconds. */
export interface CompiledWorkflowOptions {
  readonly workflowId: string
  readonly args: unknown[]
  readonly taskQueue?: string | undefined
  readonly memo?: Record<string, unknown> | undefined
  readonly workflowIdReusePolicy?: IdReusePolicy | undefined
  readonly workflowIdConflictPolicy?: IdConflictPolicy | undefined
  readonly workflowExecutionTimeout?: number | undefined
  readonly workflowRunTimeout?: number | undefined
  readonly workflowTaskTimeout?: number | undefined
}

export interface WorkflowStartInput {
  readonly workflowType: string
  readonly headers: Headers
  readonly options: CompiledWorkflowOptions
}
export interface WorkflowStartOutput {
  readonly runId: string
  readonly eagerlyStarted: boolean
}
export interface WorkflowSignalInput {
  readonly signalName: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly headers: Headers
}
export interface WorkflowSignalWithStartInput extends WorkflowStartInput {
  readonly signalName: string
  readonly signalArgs: unknown[]
}
export interface WorkflowStartUpdateInput {
  readonly updateName: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly firstExecutionRunId?: string | undefined
  readonly headers: Headers
  readonly options: {
    readonly updateId?: string | undefined
    readonly waitForStage?: UpdateStage | undefined
  }
}
export interface WorkflowStartUpdateOutput {
  readonly updateId: string
  readonly workflowRunId: string
  /** In signalbox's own form; of an update that is completed. */
  readonly outcome?: UpdateOutcome | undefined
}
export interface WorkflowStartUpdateWithStartInput {
  readonly workflowType: string
  readonly workflowStartOptions: CompiledWorkflowOptions
  readonly workflowStartHeaders: Headers
  readonly updateName: string
  readonly updateArgs: unknown[]
  readonly updateOptions: { readonly updateId?: string | undefined }
  readonly updateHeaders: Headers
}
export interface WorkflowStartUpdateWithStartOutput {
  readonly workflowExecution: WorkflowExecution
  readonly updateId: string
  readonly updateOutcome?: UpdateOutcome | undefined
}
export interface WorkflowQueryInput {
  readonly queryType: string
  readonly args: unknown[]
  readonly workflowExecution: WorkflowExecution
  readonly headers: Headers
}
export interface WorkflowTerminateInput {
  readonly workflowExecution: WorkflowExecution
  readonly reason?: string | undefined
  readonly firstExecutionRunId?: string | undefined
}
export type WorkflowCancelInput = WorkflowTerminateInput
export interface WorkflowDescribeInput {
  readonly workflowExecution: WorkflowExecution
}

/** Around the calls of `runtime.client`: Temporal's WorkflowClientInterceptor. */
export interface WorkflowClientInterceptor {
  start?: (
    input: WorkflowStartInput,
    next: Next<WorkflowClientInterceptor, 'start'>,
  ) => Promise<string>
  startWithDetails?: (
    input: WorkflowStartInput,
    next: Next<WorkflowClientInterceptor, 'startWithDetails'>,
  ) => Promise<WorkflowStartOutput>
  signal?: (
    input: WorkflowSignalInput,
    next: Next<WorkflowClientInterceptor, 'signal'>,
  ) => Promise<void>
  signalWithStart?: (
    input: WorkflowSignalWithStartInput,
    next: Next<WorkflowClientInterceptor, 'signalWithStart'>,
  ) => Promise<string>
  startUpdate?: (
    input: WorkflowStartUpdateInput,
    next: Next<WorkflowClientInterceptor, 'startUpdate'>,
  ) => Promise<WorkflowStartUpdateOutput>
  startUpdateWithStart?: (
    input: WorkflowStartUpdateWithStartInput,
    next: Next<WorkflowClientInterceptor, 'startUpdateWithStart'>,
  ) => Promise<WorkflowStartUpdateWithStartOutput>
  query?: (
    input: WorkflowQueryInput,
    next: Next<WorkflowClientInterceptor, 'query'>,
  ) => Promise<unknown>
  terminate?: (
    input: WorkflowTerminateInput,
    next: Next<WorkflowClientInterceptor, 'terminate'>,
  ) => Promise<unknown>
  cancel?: (
    input: WorkflowCancelInput,
    next: Next<WorkflowClientInterceptor, 'cancel'>,
  ) => Promise<unknown>
  describe?: (
    input: WorkflowDescribeInput,
    next: Next<WorkflowClientInterceptor, 'describe'>,
  ) => Promise<WorkflowDescription>
}
