import {
  ApplicationFailure,
  condition,
  continueAsNew,
  inWorkflowContext,
  log,
  makeContinueAsNewFunc,
  proxyActivities,
  setHandler,
  sleep,
  TimeoutFailure,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { go, say, stop } from './signals.ts'

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

export async function counts(left: number, words: unknown[] = []): Promise<unknown> {
  setHandler(say, (word) => void words.push(word))
  await sleep(1)
  words.push(left, workflowInfo().continuedFromExecutionRunId === undefined)
  if (left === 0) return words
  return await continueAsNew<typeof counts>(left - 1, words)
}

/** Continues as another type of workflow, from a handler. */
export async function becomesAnother(): Promise<void> {
  setHandler(say, async (word) => {
    await sleep(1)
    await makeContinueAsNewFunc<typeof another>({ workflowType: 'another' })(word)
  })
  await condition(() => false)
}

export async function another(word: unknown): Promise<unknown> {
  return ['another', word]
}

export async function tellsOfItself(): Promise<unknown> {
  const before = workflowInfo()
  await sleep(1)
  const after = workflowInfo()
  log.info('a line', { of: 'log' })
  return {
    inContext: inWorkflowContext(),
    type: before.workflowType,
    id: before.workflowId,
    runId: before.runId,
    first: before.firstExecutionRunId,
    attempt: before.attempt,
    memo: before.memo,
    namespace: before.namespace,
    taskTimeout: before.taskTimeoutMs,
    lengths: [before.historyLength, after.historyLength],
    suggested: [before.continueAsNewSuggested, after.continueAsNewSuggested],
  }
}

export async function failsWith(how: string): Promise<unknown> {
  await sleep(1)
  switch (how) {
    case 'application':
      throw ApplicationFailure.create({
        message: 'no',
        type: 'No',
        details: ['why', 7],
        nonRetryable: true,
      })
    case 'caused':
      throw new ApplicationFailure('outer', 'Outer', false, [], new Error('inner'))
    case 'timeout':
      throw new TimeoutFailure('took too long', { of: 'details' }, 'START_TO_CLOSE')
    case 'benign':
      throw ApplicationFailure.create({
        message: 'benign',
        category: 'BENIGN',
        nextRetryDelay: '3s',
      })
    default:
      return how
  }
}

/** A handler's failure is the run's. */
export async function failsInHandler(): Promise<void> {
  setHandler(say, async (word) => {
    await sleep(1)
    throw ApplicationFailure.nonRetryable(`heard ${String(word)}`, 'Heard')
  })
  setHandler(stop, () => {
    throw ApplicationFailure.nonRetryable('stopped at once', 'Stopped')
  })
  await condition(() => false)
}

/** Several things that end the run in one turn: the first of them counts. */
export async function endsInManyWays(): Promise<unknown> {
  let gone = false
  setHandler(go, () => void (gone = true))
  setHandler(say, async () => {
    await condition(() => gone)
    await Promise.resolve()
    throw ApplicationFailure.nonRetryable('a handler ended it')
  })
  await condition(() => gone)
  void sleep('1 hour')
  return 'main ended it'
}

/** Commands that are issued after the one that ends the run stay in its last turn. */
export async function afterTheEnd(): Promise<unknown> {
  void (async () => {
    await sleep(1)
    for (let hops = 0; hops < 12; hops++) await Promise.resolve()
    await sleep(60_000)
  })()
  await sleep(1)
  return 'done'
}

/** Never ends by itself. */
export async function open(): Promise<void> {
  const words: unknown[] = []
  setHandler(say, (word) => void words.push(word))
  for (;;) {
    await condition(() => words.length > 0)
    await sleep(String(words.shift()).length)
  }
}

export default async function anyType(...args: unknown[]): Promise<unknown> {
  return [workflowInfo().workflowType, ...args]
}

/** Draws a number and an id for each word, asks an activity, and tells how long its history is. */
export async function gambler(): Promise<unknown> {
  const drawn: unknown[] = []
  let stopped = false
  setHandler(say, async (word) => {
    drawn.push([word, Math.random(), uuid4(), workflowInfo().historyLength])
    await sleep(1)
    drawn.push([word, await echo(word), Math.random()])
  })
  setHandler(stop, () => {
    stopped = true
  })
  drawn.push(uuid4())
  await condition(() => stopped)
  return drawn
}
