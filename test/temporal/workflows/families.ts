import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  rootCause,
  setHandler,
  sleep,
  startChild,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { add, go, say, stop } from './signals.ts'

/** A child: says what it is, hears, and ends as it is told. */
export async function child(how: string, more?: unknown): Promise<unknown> {
  const heard: unknown[] = []
  let stopped = false
  setHandler(say, (word) => void heard.push(word))
  setHandler(stop, () => {
    stopped = true
  })
  switch (how) {
    case 'at once':
      return { more, parent: workflowInfo().parent?.workflowId }
    case 'fails':
      throw ApplicationFailure.nonRetryable('the child fails', 'ChildFails', more)
    case 'sleeps':
      await sleep(Number(more))
      return 'slept'
    case 'listens':
      await condition(() => stopped)
      return heard
    case 'tolerates':
      try {
        await condition(() => false)
      } catch (error) {
        if (!isCancellation(error)) throw error
      }
      await CancellationScope.nonCancellable(() => sleep(5))
      return 'although it was cancelled'
    default:
      return condition(() => false)
  }
}

/** Children in sequence and in parallel, with ids of their own and drawn ones. */
export async function parent(): Promise<unknown> {
  const log: unknown[] = [uuid4()]
  const { workflowId } = workflowInfo()
  setHandler(say, (word) => void log.push(['say', word]))
  log.push(await executeChild(child, { args: ['at once', 1] }))
  log.push(
    await executeChild(child, {
      workflowId: `${workflowId}/second`,
      args: ['sleeps', 5],
      workflowRunTimeout: '1 minute',
      memo: { of: 'the second' },
      parentClosePolicy: ParentClosePolicy.ABANDON,
    }),
  )
  log.push(
    await Promise.all(
      [1, 2, 3].map((n) => executeChild('child', { args: ['sleeps', 4 - n] }) as Promise<string>),
    ),
  )
  return log
}

/** Signals to a child before, between and after its start is known. */
export async function talksToItsChild(): Promise<unknown> {
  const handle = await startChild(child, { args: ['listens'] })
  await handle.signal(say, 'one')
  await Promise.all([handle.signal('say', 'two'), handle.signal(say, { three: 3 })])
  setHandler(add, async (n) => {
    await handle.signal(say, n)
  })
  let stopped = false
  setHandler(stop, () => {
    stopped = true
  })
  await condition(() => stopped)
  await handle.signal(stop)
  return await handle.result()
}

/** What a parent sees of a child that fails, whose id is taken, or whose type nobody has. */
export async function unhappyParent(): Promise<unknown> {
  const log: unknown[] = []
  try {
    await executeChild(child, { args: ['fails', { detail: true }] })
  } catch (error) {
    if (!(error instanceof ChildWorkflowFailure)) throw error
    const cause = error.cause as ApplicationFailure
    log.push([error.name, error.message, rootCause(error), cause.type, cause.details])
  }
  const workflowId = `${workflowInfo().workflowId}/taken`
  const first = await startChild(child, { workflowId, args: ['listens'] })
  try {
    await startChild(child, { workflowId, args: ['at once'] })
  } catch (error) {
    const { name } = error as Error
    log.push([name, error instanceof WorkflowExecutionAlreadyStartedError])
  }
  await first.signal(stop)
  log.push(await first.result())
  return log
}

/** Cancels its child in a scope of its own, by each of the ways to wait for that. */
export async function cancelsItsChild(
  type: keyof typeof ChildWorkflowCancellationType,
): Promise<unknown> {
  const log: unknown[] = []
  const scope = new CancellationScope()
  const cancellationType = ChildWorkflowCancellationType[type]
  const running = scope.run(async () => {
    const handle = await startChild(child, {
      args: ['tolerates'],
      cancellationType,
      parentClosePolicy: ParentClosePolicy.TERMINATE,
    })
    log.push('started')
    return await handle.result()
  })
  setHandler(go, () => scope.cancel())
  try {
    log.push(await running)
  } catch (error) {
    log.push([(error as Error).name, isCancellation(error)])
  }
  await sleep(30)
  return log
}

/** Cancels a child in the turn that asks for it: it is never started. */
export async function childNeverStarted(): Promise<unknown> {
  try {
    await CancellationScope.cancellable(async () => {
      const starting = startChild(child, { args: ['at once'] })
      CancellationScope.current().cancel()
      await starting
    })
    return 'started'
  } catch (error) {
    return [(error as Error).name, (error as Error).message, isCancellation(error)]
  }
}

/** Signals and cancels workflows that are not its own, and one that is not there. */
export async function meddler(other: string): Promise<unknown> {
  const log: unknown[] = []
  const handle = getExternalWorkflowHandle(other)
  await handle.signal(say, 'from outside')
  await handle.signal('say', 2)
  await handle.cancel()
  log.push('cancelled')
  for (const attempt of ['signal', 'cancel'] as const) {
    try {
      const nobody = getExternalWorkflowHandle('a workflow that is not there')
      await (attempt === 'signal' ? nobody.signal(say, 1) : nobody.cancel())
    } catch (error) {
      log.push([attempt, (error as Error).name])
    }
  }
  return log
}

/** What a meddler meddles with. */
export async function meddledWith(): Promise<unknown> {
  const heard: unknown[] = []
  setHandler(say, (word) => void heard.push(word))
  try {
    await condition(() => false)
  } catch (error) {
    return { heard, cancelled: isCancellation(error) }
  }
  return heard
}
