import {
  ActivityCancellationType,
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  scheduleActivity,
  setHandler,
  sleep,
  Trigger,
  type ActivityOptions,
} from '@temporalio/workflow'

const poke = defineSignal<[unknown?]>('poke')
const trace = defineQuery<string[]>('trace')

interface Activities {
  charge(order: string, cents: number): Promise<string>
  read(bytes: Uint8Array, nothing?: undefined): Promise<Uint8Array>
}

function tracer(): string[] {
  const lines: string[] = []
  setHandler(trace, () => lines)
  return lines
}

async function attempt(
  lines: string[],
  name: string,
  promise: PromiseLike<unknown>,
): Promise<void> {
  try {
    lines.push(`${name}: ${String(await promise)}`)
  } catch (error) {
    const { name: type, message } = error as Error
    lines.push(`${name}: ${type} ${message}${isCancellation(error) ? ' (cancelled)' : ''}`)
  }
}

export async function timers(): Promise<number[]> {
  const times = [Date.now()]
  await sleep('2 seconds')
  times.push(Date.now())
  await sleep(-5)
  times.push(Date.now())
  await sleep(Number.MAX_SAFE_INTEGER)
  return times
}

export async function timeouts(): Promise<void> {
  const lines = tracer()
  const cleared = setTimeout(() => lines.push('never'), 10)
  setTimeout((a: number, b: string) => lines.push(`fired ${a} ${b}`), 20, 1, 'two')
  clearTimeout(cleared)
  clearTimeout(undefined)
  let later: ReturnType<typeof setTimeout> | undefined
  setHandler(poke, (what) => {
    if (what === 'set') later = setTimeout(() => lines.push('later'), 30)
    else if (what === 'clear') clearTimeout(later)
    else {
      clearTimeout(2)
      setTimeout(() => {}, 40)
    }
  })
  await condition(() => false)
}

export async function conditions(): Promise<void> {
  const lines = tracer()
  let value = 0
  let wanted = -1
  setHandler(poke, (by) => {
    value += Number(by)
  })
  await attempt(
    lines,
    'at once',
    condition(() => true, 100),
  )
  void attempt(
    lines,
    'first',
    condition(() => value >= 2),
  )
  void attempt(
    lines,
    'second',
    condition(() => value >= 2).then(() => {
      wanted = value
    }),
  )
  // Unblocked by what the second one's code did, within the same turn.
  void attempt(
    lines,
    'chained',
    condition(() => wanted >= 2),
  )
  await attempt(
    lines,
    'in time',
    condition(() => value >= 1, '1 second'),
  )
  await attempt(
    lines,
    'too late',
    condition(() => value >= 100, 5000),
  )
  await condition(() => false)
}

/** A condition that throws fails the turn. */
export async function brokenCondition(): Promise<void> {
  let value: { ready: boolean } | undefined = { ready: false }
  setHandler(poke, () => {
    value = undefined
  })
  await condition(() => (value as { ready: boolean }).ready)
}

export async function finishedHandlers(): Promise<string[]> {
  const lines = tracer()
  let pokes = 0
  setHandler(poke, () => {
    pokes += 1
    lines.push(`in handler ${allHandlersFinished()}`)
  })
  await condition(() => pokes > 0)
  lines.push(`at once ${allHandlersFinished()}`)
  await condition(allHandlersFinished)
  return lines
}

export async function activities(): Promise<string> {
  const { charge, read } = proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: 500,
    retry: { initialInterval: '2s', maximumAttempts: 3, nonRetryableErrorTypes: ['Fatal'] },
  })
  const receipt = await charge('order', 100)
  const bytes = await read(new Uint8Array([1, 2, 3]), undefined)
  return `${receipt} ${bytes instanceof Uint8Array} ${[...bytes].join()}`
}

export async function defaults(options: ActivityOptions): Promise<void> {
  await scheduleActivity('plain', [], options)
}

export async function overridden(): Promise<void> {
  const { charge } = proxyActivities<Activities>({
    startToCloseTimeout: 1000,
    retry: { maximumAttempts: 3, initialInterval: 500 },
  })
  await charge.executeWithOptions(
    { activityId: 'mine', scheduleToCloseTimeout: 7000, retry: { maximumAttempts: 9 } },
    ['a', 1],
  )
}

export async function failing(): Promise<string[]> {
  const lines = tracer()
  try {
    await scheduleActivity('fail', [], { startToCloseTimeout: 1000 })
  } catch (error) {
    const failure = error as ActivityFailure
    lines.push(
      String(failure instanceof ActivityFailure),
      `${failure.activityType} ${failure.activityId} ${failure.retryState}`,
      String(failure.cause instanceof ApplicationFailure),
      JSON.stringify((failure.cause as ApplicationFailure).details),
    )
  }
  return lines
}

/** An activity that is not caught: the failure goes through the workflow. */
export async function uncaught(): Promise<void> {
  await scheduleActivity('fail', [], { startToCloseTimeout: 1000 })
}

export async function invalidOptions(): Promise<string[]> {
  const lines: string[] = []
  const attemptSync = async (options: unknown): Promise<void> => {
    try {
      await scheduleActivity('x', [], options as ActivityOptions)
    } catch (error) {
      lines.push(`${(error as Error).name}: ${(error as Error).message}`)
    }
  }
  const timeout = { startToCloseTimeout: 1000 }
  await attemptSync(undefined)
  await attemptSync({})
  await attemptSync({ startToCloseTimeout: 'soon' })
  await attemptSync({ ...timeout, retry: { maximumAttempts: 0 } })
  await attemptSync({ ...timeout, retry: { maximumAttempts: 1.5 } })
  await attemptSync({ ...timeout, retry: { backoffCoefficient: 0 } })
  await attemptSync({ ...timeout, retry: { initialInterval: 0 } })
  await attemptSync({ ...timeout, retry: { maximumInterval: 0 } })
  await attemptSync({ ...timeout, retry: { initialInterval: 10, maximumInterval: 5 } })
  try {
    proxyActivities({})
  } catch (error) {
    lines.push((error as Error).message)
  }
  try {
    const notATime: string = 'not a time'
    void sleep(notATime as Parameters<typeof sleep>[0])
  } catch (error) {
    lines.push((error as Error).message)
  }
  return lines
}

export async function cancelledActivity(cancellationType: ActivityCancellationType): Promise<void> {
  const lines = tracer()
  const scope = new CancellationScope()
  const options = { startToCloseTimeout: 1000, cancellationType }
  setHandler(poke, () => scope.cancel())
  await attempt(
    lines,
    'activity',
    scope.run(() => scheduleActivity('slow', [], options)),
  )
  await condition(() => false)
}

/** Begun and cancelled in one turn: nobody needs to hear of either. */
export async function withdrawn(): Promise<void> {
  const lines = tracer()
  const scope = new CancellationScope()
  const all = Promise.all([
    attempt(
      lines,
      'timer',
      scope.run(() => sleep(1000)),
    ),
    attempt(
      lines,
      'activity',
      scope.run(() => scheduleActivity('slow', [], { startToCloseTimeout: 1000 })),
    ),
  ])
  scope.cancel()
  await all
  await attempt(
    lines,
    'begun in a cancelled scope',
    scope.run(() => sleep(1000)),
  )
  await condition(() => false)
}

export async function scopes(): Promise<void> {
  const lines = tracer()
  const root = CancellationScope.current()
  lines.push(`root ${root.cancellable} ${root.parent === undefined}`)
  const child = new CancellationScope()
  void attempt(
    lines,
    'child',
    child.run(async () => {
      await Promise.resolve()
      lines.push(`inside ${CancellationScope.current() === child} ${child.parent === root}`)
      await condition(() => false)
    }),
  )
  lines.push(`outside ${CancellationScope.current() === root}`)
  void attempt(
    lines,
    'shielded',
    CancellationScope.nonCancellable(async () => {
      await sleep(1000)
      lines.push(`shielded goes on ${CancellationScope.current().consideredCancelled}`)
      return 'done'
    }),
  )
  void attempt(lines, 'trigger', new Trigger<string>())
  void attempt(lines, 'requested', root.cancelRequested)
  await attempt(
    lines,
    'timed',
    CancellationScope.withTimeout(500, () => sleep(10_000)),
  )
  await attempt(
    lines,
    'main',
    condition(() => false),
  )
  await condition(() => false).catch((error: unknown) => {
    lines.push(`after ${isCancellation(error)}`)
  })
  await CancellationScope.nonCancellable(() => sleep(50))
  await sleep(1)
}

/** A signal handler that uses scopes: each handler is in the root scope. */
export async function scopesOfHandlers(): Promise<void> {
  const lines = tracer()
  const root = CancellationScope.current()
  const scope = new CancellationScope()
  setHandler(poke, async () => {
    await Promise.resolve()
    lines.push(`handler ${CancellationScope.current() === root}`)
  })
  await scope.run(async () => {
    await condition(() => false)
  })
}

export async function trigger(): Promise<string> {
  const wait = new Trigger<string>()
  setHandler(poke, (value) => wait.resolve(String(value)))
  return await wait
}
