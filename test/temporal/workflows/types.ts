import {
  type ActivityFunction,
  type ActivityFunctionWithOptions,
  type ActivityInterface,
  type ActivityInterfaceFor,
  type ActivityOptions,
  type BaseWorkflowHandle,
  type BaseWorkflowOptions,
  CancellationScope,
  type CancellationScopeOptions,
  type ChildWorkflowHandle,
  type ChildWorkflowOptions,
  type CommonWorkflowOptions,
  type ContinueAsNewOptions,
  continueAsNew,
  defaultPayloadConverter,
  defineQuery,
  defineSignal,
  type EnhancedStackTrace,
  type ExternalWorkflowHandle,
  getExternalWorkflowHandle,
  type LocalActivityFunctionWithOptions,
  type LocalActivityInterfaceFor,
  type LocalActivityOptions,
  makeContinueAsNewFunc,
  type ParentWorkflowInfo,
  type Payload,
  type PayloadConverter,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  type QueryDefinition,
  type RetryPolicy,
  type RootWorkflowInfo,
  type SearchAttributes,
  type SearchAttributeValue,
  setHandler,
  type SignalDefinition,
  type Sink,
  type SinkCall,
  type SinkFunction,
  type Sinks,
  sleep,
  type StackTrace,
  type StackTraceFileLocation,
  type StackTraceFileSlice,
  type StackTraceSDKInfo,
  startChild,
  type TimerOptions,
  type UnsafeRandomSource,
  type UnsafeWorkflowInfo,
  type UntypedActivities,
  upsertSearchAttributes,
  type WithWorkflowArgs,
  type Workflow,
  type WorkflowDurationOptions,
  workflowInfo,
  type WorkflowInfo,
  type WorkflowQueryType,
  type WorkflowResultType,
  type WorkflowReturnType,
  type WorkflowSignalOptions,
  type WorkflowSignalType,
} from '@temporalio/workflow'

/* Types of either package where people write them out. For the compiler alone: none of it is run. */

interface Activities extends ActivityInterface {
  echo(value: string): Promise<string>
}
type Counts = (from: number, to?: number) => Promise<{ total: number }>

const retry: RetryPolicy = {
  initialInterval: '1 s',
  backoffCoefficient: 2,
  maximumInterval: 5_000,
  maximumAttempts: 3,
  nonRetryableErrorTypes: ['Never'],
}

export async function activities(): Promise<string[]> {
  const common = { scheduleToCloseTimeout: '1 minute', summary: 'a line', retry } as const
  const options: ActivityOptions = {
    ...common,
    startToCloseTimeout: 1,
    scheduleToStartTimeout: '1 day',
    heartbeatTimeout: '5 s',
    taskQueue: 'queue',
    activityId: 'own',
    allowEagerDispatch: false,
    cancellationType: 'TRY_CANCEL',
  }
  const local: LocalActivityOptions = { ...common, localRetryThreshold: '1 minute' }
  const remote: ActivityInterfaceFor<Activities> = proxyActivities<Activities>(options)
  const near: LocalActivityInterfaceFor<Activities> = proxyLocalActivities<Activities>(local)
  const untyped: UntypedActivities = { any: (...args: unknown[]) => Promise.resolve(args.length) }
  const plain: ActivityFunction<[string], string> = remote.echo
  const able: ActivityFunctionWithOptions<Activities['echo']> = remote.echo
  const nearAble: LocalActivityFunctionWithOptions<Activities['echo']> = near.echo
  return [
    await plain('a'),
    await able.executeWithOptions({ startToCloseTimeout: 2 }, ['b']),
    await nearAble.executeWithOptions({ startToCloseTimeout: 2 }, ['c']),
    String(await untyped['any']?.()),
  ]
}

export async function others(): Promise<number> {
  const durations: WorkflowDurationOptions = {
    workflowExecutionTimeout: '1 day',
    workflowRunTimeout: '1 hour',
    workflowTaskTimeout: 10_000,
  }
  const base: BaseWorkflowOptions = {
    workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
    workflowIdConflictPolicy: 'USE_EXISTING',
    retry,
    memo: { any: 1 },
    staticSummary: 'a line',
    staticDetails: 'more',
    priority: { priorityKey: 1 },
  }
  const common: CommonWorkflowOptions = { ...base, ...durations, cronSchedule: '* * * * *' }
  const { workflowIdConflictPolicy, searchAttributes, typedSearchAttributes, ...start } = common
  const options: ChildWorkflowOptions = {
    ...start,
    ...(searchAttributes && { searchAttributes }),
    ...(typedSearchAttributes && { typedSearchAttributes }),
    workflowId: String(workflowIdConflictPolicy),
    cancellationType: 'ABANDON',
    parentClosePolicy: 'REQUEST_CANCEL',
  }
  const withArgs: WithWorkflowArgs<Counts, ChildWorkflowOptions> = { ...options, args: [1, 2] }
  const child: ChildWorkflowHandle<Counts> = await startChild<Counts>('counts', withArgs)
  const any: BaseWorkflowHandle<Counts> = child
  const said: WorkflowSignalOptions<[string]> = { args: ['word'] }
  const signal: SignalDefinition<[string], 'say'> = defineSignal<[string], 'say'>('say')
  const query: QueryDefinition<number, [string]> = defineQuery<number, [string]>('heard')
  setHandler(query, (word: string): number => word.length)
  await child.signalWithOptions('say', said)
  const stranger: ExternalWorkflowHandle = getExternalWorkflowHandle(child.firstExecutionRunId)
  await Promise.all([any.signal(signal, 'word'), stranger.signal(signal, 'word')])
  await stranger.cancel()
  const result: WorkflowResultType<Counts> = await any.result()
  return result.total
}

export async function again(from: number, to = 0): Promise<{ total: number }> {
  const options: ContinueAsNewOptions = {
    workflowType: 'again',
    taskQueue: 'queue',
    workflowRunTimeout: '1 hour',
    workflowTaskTimeout: 1_000,
    memo: { any: 1 },
    backoffStartInterval: '1 s',
  }
  if (from > to) await makeContinueAsNewFunc<typeof again>(options)(from - 1, to)
  const type: Workflow = again
  const returned: WorkflowReturnType = type(from)
  const signalled: WorkflowSignalType = () => undefined
  const asked: WorkflowQueryType = () => 1
  await signalled()
  if (asked() === 2) await continueAsNew<typeof again>(from)
  return (await returned) as { total: number }
}

export async function information(): Promise<unknown> {
  const info: WorkflowInfo = workflowInfo()
  const parent: ParentWorkflowInfo | undefined = info.parent
  const root: RootWorkflowInfo | undefined = info.root
  const unsafe: UnsafeWorkflowInfo = info.unsafe
  const random: UnsafeRandomSource = unsafe.random
  const value: SearchAttributeValue = ['keyword']
  const attributes: SearchAttributes = { CustomKeyword: value, CustomInt: [1, 2] }
  upsertSearchAttributes(attributes)
  const converter: PayloadConverter = defaultPayloadConverter
  const payload: Payload = converter.toPayload({ any: 1 }) as Payload
  const scopeOptions: CancellationScopeOptions = {
    cancellable: true,
    timeout: '1 s',
    parent: CancellationScope.current(),
  }
  const timer: TimerOptions = { summary: 'a nap' }
  await new CancellationScope(scopeOptions).run(() => sleep(1, timer))
  return [
    [info.workflowId, info.runId, info.attempt.toFixed(), info.runStartTime.getTime()],
    [parent?.runId, root?.workflowId, unsafe.isReplaying, unsafe.now().toFixed()],
    [random.random().toFixed(), random.uuid4(), converter.fromPayload<{ any: number }>(payload)],
  ]
}

interface Notes extends Sinks {
  notes: Sink & { take(note: string): void }
}

export function told(trace: EnhancedStackTrace): string[] {
  const { notes } = proxySinks<Notes>()
  const take: SinkFunction = (note: string) => notes.take(note)
  const call: SinkCall = {
    ifaceName: 'notes',
    fnName: 'take',
    args: ['a note'],
    workflowInfo: workflowInfo(),
  }
  take(...call.args)
  const sdk: StackTraceSDKInfo = trace.sdk
  const stacks: StackTrace[] = trace.stacks
  const places: StackTraceFileLocation[] = stacks.flatMap(({ locations }) => locations)
  const slices: StackTraceFileSlice[] = Object.values(trace.sources).flat()
  return [
    `${sdk.name} ${sdk.version}`,
    ...places.map(
      (place) => `${place.file_path}:${place.line}:${place.column} ${place.function_name}`,
    ),
    ...slices.map(({ line_offset, content }) => `${line_offset} ${content}`),
  ]
}
