/**
 * The authoring API: what workflow code imports as `signalbox/workflow`, with the names and the
 * behaviour of `@temporalio/workflow`. Definitions and types may be imported by the host as well.
 */
import { bindCompatibleApi } from './compatible-api.ts'
import { ownChannelApi } from './own-channel-api.ts'

bindCompatibleApi(ownChannelApi)

export {
  ActivityFailure,
  ApplicationFailure,
  ApplicationFailureCategory,
  type ApplicationFailureOptions,
  CancelledFailure,
  ChildWorkflowFailure,
  CompleteAsyncError,
  DeterminismViolationError,
  ExternalStorageNotConfiguredError,
  IllegalStateError,
  isCancellation,
  NamespaceNotFoundError,
  PayloadConverterError,
  rootCause,
  ServerFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
  ValueError,
  WorkflowError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '../failures.ts'
export { SuggestContinueAsNewReason } from '../history-length.ts'
export {
  defineSearchAttributeKey,
  type SearchAttributeKey,
  type SearchAttributePair,
  type SearchAttributes,
  SearchAttributeType,
  type SearchAttributeUpdatePair,
  type SearchAttributeValue,
  TypedSearchAttributes,
} from '../search-attributes.ts'
export type { RetryState, TimeoutType } from '../failure.ts'
export {
  DefaultFailureConverter,
  type DefaultFailureConverterOptions,
  defaultFailureConverter,
  type FailureConverter,
} from '../default-failure-converter.ts'
export {
  arrayFromPayloads,
  BinaryPayloadConverter,
  CompositePayloadConverter,
  DefaultPayloadConverter,
  defaultPayloadConverter,
  encodingKeys,
  encodingTypes,
  type EncodingType,
  fromPayloadsAtIndex,
  JsonPayloadConverter,
  mapFromPayloads,
  mapToPayloads,
  METADATA_ENCODING_KEY,
  METADATA_MESSAGE_TYPE_KEY,
  type PayloadConverter,
  type PayloadConverterWithEncoding,
  toPayloads,
  UndefinedPayloadConverter,
} from '../payload-converters.ts'
export type { ProtoFailure } from '../proto-failure.ts'
export type { ProtoPayload as Payload } from '../proto-payload.ts'
export { RawValue } from '../raw-value.ts'
export {
  ActivityCancellationType,
  type ActivityFunction,
  type ActivityFunctionWithOptions,
  type ActivityInterface,
  type ActivityInterfaceFor,
  type ActivityOptions,
  NotAnActivityMethod,
  proxyActivities,
  scheduleActivity,
  type UntypedActivities,
} from './activities.ts'
export {
  Channel,
  ChannelClosedError,
  type ChannelOptions,
  type ReceiveChannel,
  type Received,
  type SendChannel,
} from './channel.ts'
export {
  type LocalActivityFunctionWithOptions,
  type LocalActivityInterfaceFor,
  type LocalActivityOptions,
  proxyLocalActivities,
  scheduleLocalActivity,
} from './local-activities.ts'
export { type LocalActivityBackoff, LocalActivityDoBackoff } from './local-activity-backoff.ts'
export { CancellationScope, type CancellationScopeOptions } from './cancellation-scope.ts'
export {
  addDefaultWorkflowOptions,
  type BaseWorkflowHandle,
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  type ChildWorkflowOptions,
  type ChildWorkflowOptionsWithDefaults,
  executeChild,
  ParentClosePolicy,
  startChild,
  type WithWorkflowArgs,
  type WorkflowSignalOptions,
} from './child-workflows.ts'
export {
  ContinueAsNew,
  continueAsNew,
  type ContinueAsNewOptions,
  makeContinueAsNewFunc,
} from './continue-as-new.ts'
export { inWorkflowContext } from './current-run.ts'
export {
  allHandlersFinished,
  defineQuery,
  defineSignal,
  defineUpdate,
  extractWorkflowType,
  type Handler,
  type QueryDefinition,
  type QueryHandlerOptions,
  setDefaultQueryHandler,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  type SignalDefinition,
  type SignalHandlerOptions,
  enhancedStackTraceQuery,
  stackTraceQuery,
  type UpdateDefinition,
  type UpdateHandlerOptions,
  workflowMetadataQuery,
  type Workflow,
  type WorkflowQueryType,
  type WorkflowResultType,
  type WorkflowReturnType,
  type WorkflowSignalType,
  type WorkflowUpdateType,
  type WorkflowUpdateValidatorType,
} from './definitions.ts'
export type { Duration } from './duration.ts'
export { type ExternalWorkflowHandle, getExternalWorkflowHandle } from './external-workflows.ts'
export type { DefaultQueryHandler, DefaultSignalHandler } from './handler-table.ts'
export { HandlerUnfinishedPolicy } from './handler-unfinished-policy.ts'
export { log, type WorkflowLogger } from './log.ts'
export { Mutex } from './mutex.ts'
export type { RetryPolicy } from './retry-policy.ts'
export { Selector } from './selector.ts'
export { Semaphore } from './semaphore.ts'
export { serially } from './serially.ts'
export {
  getSignalChannel,
  getUnhandledSignalNames,
  type SignalChannel,
  type SignalChannelOptions,
} from './signal-channel.ts'
export { Trigger } from './trigger.ts'
export {
  createEventGroup,
  createNexusServiceClient,
  decodeWorkflowIdConflictPolicy,
  decodeWorkflowIdReusePolicy,
  encodeWorkflowIdConflictPolicy,
  encodeWorkflowIdReusePolicy,
  extractWorkflowTypeAndConfig,
  getRandomStream,
  metricMeter,
  NexusOperationCancellationType,
  workflowRandom,
} from './unavailable.ts'
export { currentUpdateInfo, type UpdateInfo } from './update-info.ts'
export type { DefaultUpdateHandler } from './update-table.ts'
export { upsertMemo, upsertSearchAttributes } from './upserts.ts'
export { uuid4 } from './uuid4.ts'
export { deprecatePatch, patched } from './versioning.ts'
export { condition, sleep, type TimerOptions } from './waiting.ts'
export { WaitGroup } from './wait-group.ts'
export { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from './workflow-id-policies.ts'
export {
  type ParentWorkflowInfo,
  type RootWorkflowInfo,
  type UnsafeRandomSource,
  type UnsafeWorkflowInfo,
  workflowInfo,
  type WorkflowInfo,
} from './workflow-info.ts'
export { AsyncLocalStorage } from './async-local-storage.ts'
export type {
  ActivateInput,
  ActivityInput,
  ConcludeActivationInput,
  ConcludeActivationOutput,
  ContinueAsNewInput,
  LocalActivityInput,
  DisposeInput,
  GetLogAttributesInput,
  Headers,
  Next,
  QueryInput,
  SignalInput,
  SignalWorkflowInput,
  StartChildWorkflowExecutionInput,
  TimerInput,
  UpdateInput,
  WorkflowExecuteInput,
  WorkflowInboundCallsInterceptor,
  WorkflowInterceptors,
  WorkflowInterceptorsFactory,
  WorkflowInternalsInterceptor,
  WorkflowOutboundCallsInterceptor,
} from './interceptors.ts'
export { proxySinks, type Sink, type SinkCall, type SinkFunction, type Sinks } from './sinks.ts'
export type {
  BaseWorkflowOptions,
  CommonWorkflowOptions,
  WorkflowDurationOptions,
} from './start-options.ts'
export type {
  EnhancedStackTrace,
  StackTrace,
  StackTraceFileLocation,
  StackTraceFileSlice,
  StackTraceSDKInfo,
} from './stack-trace-types.ts'
export {
  defineWorkflowOptions,
  getCurrentDetails,
  setCurrentDetails,
  setWorkflowOptions,
  VersioningBehavior,
  type WorkflowDefinitionConfig,
  type WorkflowDefinitionOptions,
  type WorkflowDefinitionOptionsOrGetter,
} from './workflow-options.ts'
