import {
  addDefaultWorkflowOptions,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  deprecatePatch,
  executeChild,
  extractWorkflowType,
  getExternalWorkflowHandle,
  isCancellation,
  makeContinueAsNewFunc,
  patched,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  rootCause,
  scheduleActivity,
  scheduleLocalActivity,
  setCurrentDetails,
  setDefaultQueryHandler,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  setWorkflowOptions,
  sleep,
  startChild,
  Trigger,
  upsertMemo,
  upsertSearchAttributes,
} from '@temporalio/workflow'

// What no compiler would let pass.
// oxlint-disable typescript/no-unsafe-argument, typescript/no-explicit-any
const wrong = (value: unknown): any => value

const activity = (options: unknown): (() => Promise<unknown>) => {
  const { work } = proxyActivities<{ work(): Promise<unknown> }>(wrong(options))
  return () => work()
}
const withRetry = (retry: unknown): Promise<unknown> =>
  activity({ startToCloseTimeout: 1000, retry })()
const local = (options: unknown): Promise<unknown> => {
  const { work } = proxyLocalActivities<{ work(): Promise<unknown> }>(wrong(options))
  return work()
}
const child = (options: unknown): Promise<unknown> => startChild('child', wrong(options))

/** Each a mistake, by a name that says which. */
const mistakes: Readonly<Record<string, () => unknown>> = {
  'sleep: no duration': () => sleep(wrong('soon')),
  'sleep: empty': () => sleep(wrong('')),
  'sleep: not a number': () => sleep(Number.NaN),
  'sleep: endless': () => sleep(Number.POSITIVE_INFINITY),
  'sleep: longer than a date': () => CancellationScope.withTimeout(1, () => sleep('300 years')),
  'sleep: undefined': () => sleep(wrong(undefined)),
  'sleep: null': () => sleep(wrong(null)),
  'sleep: object': () => sleep(wrong({})),
  'sleep: boolean': () => sleep(wrong(true)),
  'condition: no function': () => condition(wrong(1)),
  'condition: undefined': () => condition(wrong(undefined)),
  'condition: throws': () =>
    condition(() => {
      throw new RangeError('out of range')
    }),
  'condition: no duration': () => condition(() => false, wrong('soon')),
  'condition: endless': () => condition(() => false, Number.POSITIVE_INFINITY),
  'condition: timeout is an object': () => condition(() => true, wrong({})),
  'condition: null timeout': () => condition(() => true, wrong(null)),
  'scope: no duration': () => CancellationScope.withTimeout(wrong('soon'), async () => 1),
  'scope: endless': () => CancellationScope.withTimeout(Number.POSITIVE_INFINITY, async () => 1),
  'scope: not a number': () => CancellationScope.withTimeout(Number.NaN, async () => 1),
  'scope: null timeout': () => CancellationScope.withTimeout(wrong(null), async () => 1),
  'scope: negative': () => CancellationScope.withTimeout(-1, async () => 1),
  'scope: no function': () => CancellationScope.cancellable(wrong(7)),
  'scope: function is not asynchronous': () => new CancellationScope().run(wrong(() => 5)),
  'scope: function throws': () =>
    new CancellationScope().run(() => {
      throw new RangeError('thrown at once')
    }),
  'trigger: rejected with nothing': async () => {
    const trigger = new Trigger<number>()
    trigger.reject()
    return trigger
  },
  'trigger: resolved twice': async () => {
    const trigger = new Trigger<number>()
    trigger.resolve(1)
    trigger.resolve(2)
    return trigger
  },
  'activities: no options': () => proxyActivities(wrong(undefined)),
  'activities: null': () => proxyActivities(wrong(null)),
  'activities: no timeout': () => proxyActivities(wrong({})),
  'activities: symbol': () => wrong(proxyActivities({ startToCloseTimeout: 1 }))[Symbol('s')],
  'activities: no duration': () => activity({ startToCloseTimeout: 'soon' })(),
  'activities: heartbeat is no duration': () =>
    activity({ startToCloseTimeout: 1, heartbeatTimeout: 'x' })(),
  'activities: not a number': () => activity({ startToCloseTimeout: Number.NaN })(),
  'activities: endless': () => activity({ startToCloseTimeout: Number.POSITIVE_INFINITY })(),
  'activities: null timeout': () =>
    activity({ startToCloseTimeout: 1, heartbeatTimeout: null, retry: null })(),
  'activities: options for one call': () =>
    proxyActivities<{ work(): Promise<void> }>({
      startToCloseTimeout: 1,
    }).work.executeWithOptions(wrong({ startToCloseTimeout: undefined }), []),
  'activities: negative': () => activity({ startToCloseTimeout: -5 })(),
  'activities: unknown cancellation type': () =>
    activity({ startToCloseTimeout: 1, cancellationType: 'SOMETIMES' })(),
  'activities: bigint argument': () => scheduleActivity('work', [10n], { startToCloseTimeout: 1 }),
  'activities: no options by name': () => scheduleActivity('work', [], wrong(undefined)),
  'activities: no timeout by name': () => scheduleActivity('work', [], wrong({})),
  'retry: fraction of attempts': () => withRetry({ maximumAttempts: 1.5 }),
  'retry: negative attempts': () => withRetry({ maximumAttempts: -1 }),
  'retry: no attempts': () => withRetry({ maximumAttempts: 0 }),
  'retry: endless': () => withRetry({ maximumAttempts: Number.POSITIVE_INFINITY }),
  'retry: no interval': () => withRetry({ initialInterval: 0 }),
  'retry: no maximum interval': () => withRetry({ maximumInterval: 0 }),
  'retry: maximum below initial': () => withRetry({ initialInterval: 10, maximumInterval: 5 }),
  'retry: coefficient': () => withRetry({ backoffCoefficient: 0.5 }),
  'retry: coefficient is negative': () => withRetry({ backoffCoefficient: -1 }),
  'retry: null attempts': () => withRetry({ maximumAttempts: null }),
  'retry: endless interval': () => withRetry({ initialInterval: Number.POSITIVE_INFINITY }),
  'retry: not a number': () => withRetry({ maximumInterval: Number.NaN }),
  'retry: no duration': () => withRetry({ initialInterval: 'soon' }),
  'local: no options': () => proxyLocalActivities(wrong(undefined)),
  'local: no timeout': () => local({}),
  'local: no duration': () => local({ startToCloseTimeout: 'soon' }),
  'local: unknown': () => scheduleLocalActivity('nobody', [], { startToCloseTimeout: 1 }),
  'local: no options by name': () => scheduleLocalActivity('work', [], wrong(undefined)),
  'child: no name': () => startChild(wrong(undefined)),
  'child: null': () => startChild(wrong(null)),
  'child: number': () => executeChild(wrong(5)),
  'child: anonymous function': () => startChild(wrong(async () => 1)),
  'child: no duration': () => child({ workflowId: 'a', workflowRunTimeout: 'soon' }),
  'child: older name of a close policy': () =>
    child({ workflowId: 'g', parentClosePolicy: 'PARENT_CLOSE_POLICY_ABANDON' }),
  'child: close policy is an object': () => child({ workflowId: 'h', parentClosePolicy: {} }),
  'child: unknown close policy': () => child({ workflowId: 'b', parentClosePolicy: 'SOMETIMES' }),
  'child: unknown cancellation type': () =>
    child({ workflowId: 'c', cancellationType: 'SOMETIMES' }),
  'child: unknown reuse policy': () =>
    child({ workflowId: 'd', workflowIdReusePolicy: 'SOMETIMES' }),
  'child: bigint argument': () => child({ workflowId: 'e', args: [10n] }),
  'child: retry': () => child({ workflowId: 'f', retry: { maximumAttempts: -1 } }),
  'external: bigint argument': () => getExternalWorkflowHandle('o').signal('s', 10n),
  'signals: reserved name': () => setHandler(defineSignal('__temporal_mine'), () => undefined),
  'signals: reserved query name': () => setHandler(defineQuery('__stack_trace'), () => 1),
  'signals: reserved update name': () =>
    setHandler(defineUpdate('__enhanced_stack_trace'), () => 1),
  'handlers: no definition': () =>
    setHandler(
      wrong(undefined),
      wrong(() => 1),
    ),
  'handlers: unknown kind': () =>
    setHandler(
      wrong({ type: 'x', name: 'y' }),
      wrong(() => 1),
    ),
  'handlers: no function': () => setHandler(defineSignal('wrong'), wrong(5)),
  'handlers: query is no function': () => setHandler(defineQuery('wrong'), wrong('text')),
  'handlers: update is no function': () => setHandler(defineUpdate('wrong'), wrong({})),
  'handlers: validator is no function': () =>
    setHandler(defineUpdate('validated'), () => 1, { validator: wrong(5) }),
  'handlers: default signal': () => setDefaultSignalHandler(wrong(5)),
  'handlers: default query': () => setDefaultQueryHandler(wrong(5)),
  'handlers: default update': () => setDefaultUpdateHandler(wrong(5)),
  'patches: number': () => patched(wrong(5)),
  'patches: deprecated number': () => deprecatePatch(wrong(6)),
  'memo: bigint': () => upsertMemo({ a: 10n }),
  'memo: undefined': () => upsertMemo(wrong(undefined)),
  'search attributes: undefined': () => upsertSearchAttributes(wrong(undefined)),
  'search attributes: null': () => upsertSearchAttributes(wrong(null)),
  'search attributes: text': () => upsertSearchAttributes(wrong('text')),
  'details: number': () => setCurrentDetails(wrong(5)),
  'sinks: symbol': () => wrong(proxySinks())[Symbol('s')],
  'continue: anonymous': () => makeContinueAsNewFunc(wrong({ workflowType: 5 }))(),
  'continue: bigint': () => (continueAsNew as (value: bigint) => Promise<never>)(10n),
  'continue: no duration': () => makeContinueAsNewFunc({ workflowRunTimeout: wrong('soon') })(),
  'options: no function': () => setWorkflowOptions({}, wrong(undefined)),
  'types: undefined': () => extractWorkflowType(wrong(undefined)),
  'types: anonymous': () =>
    extractWorkflowType(
      wrong(
        (
          () => async () =>
            1
        )(),
      ),
    ),
  'defaults: undefined': () => addDefaultWorkflowOptions(wrong(undefined)),
  'failures: undefined options': () => ApplicationFailure.create(wrong(undefined)),
  'failures: next delay is no duration': () => {
    throw ApplicationFailure.create({ nextRetryDelay: wrong('soon') })
  },
  'failures: from nothing': () => ApplicationFailure.fromError(wrong(undefined)),
  'failures: from text': () => ApplicationFailure.fromError('text'),
  'failures: cause of nothing': () => [rootCause(undefined), isCancellation(undefined)],
}

/** Make every mistake, one by one; what came of each, in the order of their names. */
export async function misuse(): Promise<unknown> {
  const outcomes: Record<string, unknown> = {}
  for (const [name, make] of Object.entries(mistakes)) {
    outcomes[name] = 'nothing yet'
    try {
      const made = make()
      if (isPromise(made)) {
        made.then(
          (value) => (outcomes[name] = ['resolves', typeof value]),
          (error: unknown) => (outcomes[name] = ['rejects', describe(error)]),
        )
      } else outcomes[name] = ['returns', typeof made]
    } catch (error) {
      outcomes[name] = ['throws', describe(error)]
    }
  }
  for (let times = 0; times < 50; times++) await Promise.resolve()
  return outcomes
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return [typeof error]
  return [error.name, error.message, ...(error.cause === undefined ? [] : [describe(error.cause)])]
}
