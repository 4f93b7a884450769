/**
 * `signalbox/testing`: workflows and activities under test, in the shape of `@temporalio/testing`.
 */
export {
  defaultActivityInfo,
  MockActivityEnvironment,
  type MockActivityEnvironmentOptions,
} from './mock-activity-environment.ts'
export {
  TestWorkflowEnvironment,
  type TestWorkflowEnvironmentOptions,
  type TimeSkippingTestWorkflowEnvironmentOptions,
} from './test-workflow-environment.ts'
export {
  type HistoryMismatch,
  HistoryMismatchError,
  type MismatchKind,
  ReplayError,
} from './replay-errors.ts'
export {
  type HistoryAndWorkflowId,
  replayHistories,
  replayHistory,
  type ReplayCode,
  type ReplayHistoriesOptions,
  type ReplayOptions,
  type ReplayResult,
} from './replay-history.ts'
