export { Runtime, type RuntimeState } from './runtime.ts'
export type { InterceptorOptions, Limits, RuntimeOptions } from './options.ts'
export type {
  CompiledWorkflowOptions,
  WorkflowCancelInput,
  WorkflowClientInterceptor,
  WorkflowDescribeInput,
  WorkflowQueryInput,
  WorkflowSignalInput,
  WorkflowSignalWithStartInput,
  WorkflowStartInput,
  WorkflowStartOutput,
  WorkflowStartUpdateInput,
  WorkflowStartUpdateOutput,
  WorkflowStartUpdateWithStartInput,
  WorkflowStartUpdateWithStartOutput,
  WorkflowTerminateInput,
} from './workflow-client-interceptor.ts'
export type { InjectedSinkFunction, InjectedSinks, SinkWorkflowInfo } from './sink-caller.ts'
export type { BackupOptions, BackupResult } from './data-backup.ts'
export type { DataConverterOptions } from './data-converter-options.ts'
export type { ActivityOutcomeName, DiagnosticsMessages, DiagnosticsSource } from './diagnostics.ts'
export type {
  InputKindName,
  RejectableOperation,
  RuntimeStats,
  SlotStats,
} from './runtime-stats.ts'
export type { PayloadCodec } from './payload-codec.ts'
export type { ProtoPayload } from '../actors/proto-payload.ts'
export type { NamespaceOptions, RetentionTime } from './retention-options.ts'
export { type Logger, silentLogger } from './logger.ts'
export { bundleWorkflowCode } from './bundle.ts'
export type { WorkflowBundle } from '../actors/turns.ts'
export {
  Client,
  WorkflowClient,
  type GetHandleOptions,
  type ListOptions,
  type SignalWithStartOptions,
  type UpdateWithStartOptions,
  type WorkflowOptions,
  type WorkflowStartOptions,
} from './client.ts'
export {
  ActivityCompletionError,
  AsyncCompletionClient,
  type FullActivityId,
} from './async-completion-client.ts'
export {
  WithStartWorkflowOperation,
  type WithStartOptions,
} from './with-start-workflow-operation.ts'
export {
  type StartUpdateOptions,
  type UpdateOptions,
  type UpdateWaitOptions,
  type WorkflowUpdateHandle,
  type WorkflowUpdateOptions,
  WorkflowUpdateStage,
} from './workflow-update-handle.ts'
export {
  WorkflowHandle,
  type PauseOptions,
  type ResetOptions,
  type WorkflowExecutionDescription,
} from './workflow-handle.ts'
export type { SignalOptions } from './signal-options.ts'
export { type ErrorCode, errorTable, SignalboxError, type StatusName } from './errors.ts'
export {
  ActivityCancelledError,
  ActivityNotFoundError,
  QueryNotRegisteredError,
  QueryRejectedError,
  WorkflowContinuedAsNewError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from './client-errors.ts'
export {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  rootCause,
  ServerFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '../actors/failures.ts'
export {
  defineSearchAttributeKey,
  type SearchAttributeKey,
  type SearchAttributePair,
  type SearchAttributes,
  SearchAttributeType,
  type SearchAttributeUpdatePair,
  type SearchAttributeValue,
  TypedSearchAttributes,
} from '../actors/search-attributes.ts'
export { defineQuery, defineSignal, defineUpdate } from '../actors/workflow/definitions.ts'
export type {
  QueryDefinition,
  SignalDefinition,
  UpdateDefinition,
  Workflow,
  WorkflowResultType,
} from '../actors/workflow/definitions.ts'
export type { Failure, RetryState, TimeoutType } from '../actors/failure.ts'
export type { EncodedPayload, Payload, PayloadMap } from '../actors/payload.ts'
export type * from './workflow-service.ts'
