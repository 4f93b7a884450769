import {
  allHandlersFinished,
  condition,
  defineQuery,
  defineSignal,
  setDefaultSignalHandler,
  setHandler,
  sleep,
  Trigger,
  workflowInfo,
} from '@temporalio/workflow'
import { HandlerUnfinishedPolicy } from '@temporalio/common'

export const say = defineSignal<[unknown]>('say')
export const add = defineSignal<[number]>('add')
export const go = defineSignal('go')
export const stop = defineSignal('stop')
export const heard = defineQuery<unknown[]>('heard')

/** Everything that is said, in order, until it is to stop. */
export async function listener(): Promise<unknown> {
  const words: unknown[] = []
  let stopped = false
  setHandler(say, (word) => void words.push([word, Date.now(), workflowInfo().historyLength]))
  setHandler(stop, () => void (stopped = true))
  setHandler(heard, () => words)
  await condition(() => stopped)
  return words
}

/** A handler that is set late takes what waited, synchronously, in order. */
export async function lateHandler(ms: number): Promise<unknown> {
  const trace: unknown[] = []
  await sleep(ms)
  trace.push('set')
  setHandler(say, (word) => void trace.push(word))
  trace.push('was set')
  setHandler(add, (n) => void trace.push(n))
  let stopped = false
  setHandler(stop, () => void (stopped = true))
  await condition(() => stopped)
  return trace
}

/** A handler that unsets itself after one, a default handler, and the order in which a buffer drains. */
export async function drainingOrder(): Promise<unknown> {
  const trace: unknown[] = []
  await condition(() => false, 40)
  const once = (word: unknown): void => {
    trace.push(['A', word])
    setHandler(say, undefined)
  }
  setHandler(say, once)
  setHandler(add, (n) => void trace.push(['B', n]))
  setDefaultSignalHandler((name, ...args) => void trace.push(['default', name, ...args]))
  setHandler(go, () => void trace.push('C'))
  await condition(() => trace.length >= 7)
  return trace
}

/** Asynchronous handlers begin in order and interleave where they wait. */
export async function interleaving(): Promise<unknown> {
  const trace: string[] = []
  setHandler(say, async (word) => {
    trace.push(`${String(word)} begins`)
    await sleep(1)
    trace.push(`${String(word)} goes on`)
    await Promise.resolve()
    trace.push(`${String(word)} ends`)
  })
  await condition(() => trace.length >= 3)
  await condition(allHandlersFinished)
  return trace
}

/** Two handlers of one signal each, and conditions that both of them unblock. */
export async function conditionsInOrder(): Promise<unknown> {
  const trace: string[] = []
  let sum = 0
  setHandler(add, (n) => {
    sum += n
    trace.push(`+${n}`)
  })
  const wait = async (name: string, least: number): Promise<void> => {
    await condition(() => sum >= least)
    trace.push(`${name} at ${sum}`)
    if (name === 'a') sum += 10
  }
  await Promise.all([wait('a', 3), wait('b', 5), wait('c', 12), wait('d', 1)])
  return trace
}

export async function triggers(): Promise<unknown> {
  const trigger = new Trigger<string>()
  setHandler(say, (word) => trigger.resolve(String(word)))
  const failing = new Trigger<string>()
  setHandler(stop, () => failing.reject(new Error('stopped')))
  const first = await trigger
  const second = await Promise.resolve(failing).catch((error: Error) => error.message)
  return [first, second, await trigger]
}

/** What is not waited for when the run ends. */
export async function unfinishedHandlers(): Promise<unknown> {
  const trace: string[] = []
  setHandler(
    say,
    async (word) => {
      trace.push(String(word))
      await sleep('1 hour')
      trace.push('never')
    },
    { unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON },
  )
  setHandler(stop, async () => {
    await sleep(5)
    trace.push('stop')
  })
  await condition(() => trace.includes('stop'))
  return [trace, allHandlersFinished()]
}

/** Signals of any name, as they come. */
export async function defaultHandlerAlone(): Promise<unknown> {
  const trace: unknown[] = []
  setDefaultSignalHandler((name, ...args) => void trace.push([name, args]))
  await condition(() => trace.length === 4)
  return trace
}

/** Two signals with the same word unblock a condition with a timeout, or none does. */
export async function conditionWithTimeout(ms: number): Promise<unknown> {
  let count = 0
  setHandler(say, () => void count++)
  const inTime = await condition(() => count >= 2, ms)
  const again = await condition(() => count >= 3, ms)
  return [inTime, again, count, Date.now() - workflowInfo().startTime.getTime() >= 0]
}

/** A handler that makes commands itself. */
export async function handlerWithTimers(): Promise<unknown> {
  const trace: string[] = []
  let open = 0
  setHandler(add, async (n) => {
    open++
    await Promise.all([sleep(n), sleep(n * 2)])
    trace.push(`slept ${n}`)
    open--
  })
  await condition(() => trace.length + open >= 3)
  await condition(() => open === 0)
  return trace
}
