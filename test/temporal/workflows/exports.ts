import {
  addDefaultWorkflowOptions,
  ApplicationFailure,
  AsyncLocalStorage,
  CancelledFailure,
  CompleteAsyncError,
  condition,
  ContinueAsNew,
  defaultPayloadConverter,
  defineWorkflowOptions,
  DeterminismViolationError,
  enhancedStackTraceQuery,
  ExternalStorageNotConfiguredError,
  extractWorkflowType,
  getCurrentDetails,
  IllegalStateError,
  LocalActivityDoBackoff,
  makeContinueAsNewFunc,
  NamespaceNotFoundError,
  NotAnActivityMethod,
  PayloadConverterError,
  proxySinks,
  rootCause,
  ServerFailure,
  setCurrentDetails,
  setDefaultQueryHandler,
  setHandler,
  setWorkflowOptions,
  sleep,
  stackTraceQuery,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
  ValueError,
  type Sinks,
  WorkflowError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  workflowMetadataQuery,
  WorkflowNotFoundError,
} from '@temporalio/workflow'
import { say, stop } from './signals.ts'

interface Notes extends Sinks {
  notes: { take(note: string): void }
}

const { notes } = proxySinks<Notes>()

/** Classes of errors: what each is, says and inherits. */
export async function classesOfErrors(): Promise<unknown> {
  const errors = [
    new ServerFailure('from a server', true),
    new TerminatedFailure('terminated'),
    new CancelledFailure('cancelled'),
    new TimeoutFailure('too late', undefined, 'START_TO_CLOSE'),
    ApplicationFailure.fromError(new RangeError('far'), { nonRetryable: true }),
    new ValueError('a value'),
    new PayloadConverterError('a payload'),
    new IllegalStateError('a state'),
    new WorkflowNotFoundError('not found', 'some workflow', undefined),
    new NamespaceNotFoundError('some namespace'),
    new CompleteAsyncError(),
    new ExternalStorageNotConfiguredError(),
    new ExternalStorageNotConfiguredError('elsewhere'),
    new WorkflowError('a workflow'),
    new DeterminismViolationError('a violation'),
  ]
  return errors.map((error) => [
    error.name,
    error.message,
    error instanceof TemporalFailure,
    error instanceof Error,
    rootCause(error),
  ])
}

/** Whatever else there is to call, in a workflow that waits. */
export async function oddsAndEnds(): Promise<unknown> {
  const storage = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  setDefaultQueryHandler((name) => name)
  setCurrentDetails('begun')
  setHandler(say, async (word) => {
    await storage.run(String(word), async () => {
      await sleep(2)
      seen.push(storage.getStore())
      notes.take(String(storage.getStore()))
    })
  })
  let stopped = false
  setHandler(stop, () => {
    stopped = true
  })
  const options = addDefaultWorkflowOptions({ workflowId: 'some', args: [] })
  const payload = defaultPayloadConverter.toPayload({ a: 1 })
  seen.push(
    options.workflowId,
    defaultPayloadConverter.fromPayload(payload),
    extractWorkflowType(classesOfErrors),
    [WorkflowIdReusePolicy.ALLOW_DUPLICATE, WorkflowIdConflictPolicy.USE_EXISTING],
    [stackTraceQuery.name, enhancedStackTraceQuery.name, workflowMetadataQuery.name],
    typeof LocalActivityDoBackoff,
    typeof NotAnActivityMethod,
    getCurrentDetails(),
  )
  try {
    await makeContinueAsNewFunc<typeof oddsAndEnds>({ workflowType: 'nobody' })()
  } catch (error) {
    // As it is thrown, so it can be caught.
    seen.push(error instanceof ContinueAsNew, (error as ContinueAsNew).command.workflowType)
  }
  await condition(() => stopped && seen.length > 12)
  return seen
}

class Expected extends Error {}

/** Fails with an error that its options say fails it. */
export async function failsByItsOptions(): Promise<never> {
  await sleep(1)
  throw new Expected('as its options say')
}
setWorkflowOptions({ failureExceptionTypes: [Expected] }, failsByItsOptions)

export async function failsByItsOptionsToo(): Promise<never> {
  throw new Expected('as its options say, too')
}
defineWorkflowOptions(failsByItsOptionsToo, {
  workflowDefinitionOptions: { failureExceptionTypes: [Expected] },
})
