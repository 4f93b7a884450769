import {
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  setHandler,
  sleep,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import { go, say, stop } from './signals.ts'

declare function setTimeout(body: () => void, ms: number): unknown
declare function clearTimeout(handle: unknown): void

export const poke = defineSignal<[string]>('poke')

/** Time stands still within a turn and moves between turns. */
export async function clockAndChance(): Promise<unknown> {
  const start = Date.now()
  const drawn = [Math.random(), Math.random(), uuid4()]
  await Promise.resolve()
  const still = Date.now() === start
  await sleep(3)
  const moved = Date.now() > start
  drawn.push(Math.random(), uuid4())
  const { startTime, runStartTime } = workflowInfo()
  return [
    still,
    moved,
    drawn,
    new Date().getTime() - start,
    startTime,
    runStartTime.getTime() - start,
  ]
}

/** Timers of many lengths: which of them fires first is of no interest, their numbers are. */
export async function manyTimers(): Promise<unknown> {
  const trace: string[] = []
  const nap = async (ms: number | string): Promise<void> => {
    await sleep(ms as number)
    trace.push(String(ms))
  }
  await Promise.all([nap(12), nap(0), nap(-5), nap('4ms'), nap(8), nap(1.5)])
  return trace.toSorted()
}

/** Of timers that are cancelled: in the same turn, in a later one, and after they have fired. */
export async function cancelledTimers(): Promise<unknown> {
  const trace: string[] = []
  const scope = new CancellationScope()
  const later = new CancellationScope()
  const nap = (name: string, ms: number): Promise<void> =>
    sleep(ms).then(
      () => void trace.push(`${name} slept`),
      (error: unknown) => void trace.push(`${name} ${isCancellation(error)}`),
    )
  const first = scope.run(() => nap('first', 60_000))
  const second = later.run(() => Promise.all([nap('second', 60_000), nap('third', 1)]))
  scope.cancel()
  await first
  await sleep(10)
  later.cancel()
  await second
  await sleep(1)
  return trace
}

export async function timeouts(): Promise<unknown> {
  const trace: string[] = []
  const kept = setTimeout(() => void trace.push('kept'), 5)
  const cleared = setTimeout(() => void trace.push('cleared'), 5_000)
  const later = setTimeout(() => void trace.push('later'), 9_000)
  clearTimeout(cleared)
  await sleep(15)
  clearTimeout(later)
  clearTimeout(kept)
  await sleep(1)
  return trace
}

/** A nap that signals prolong: each of them cancels the timer and starts another. */
export async function prolonged(ms: number): Promise<unknown> {
  let rounds = 0
  let pokes: string[] = []
  const all: string[][] = []
  let stopped = false
  setHandler(poke, (by) => void pokes.push(by))
  setHandler(stop, () => void (stopped = true))
  while (await condition(() => pokes.length > 0 || stopped, ms)) {
    all.push(pokes)
    pokes = []
    rounds++
    if (stopped) break
  }
  return [rounds, all]
}

/** Signals before, while and after it sleeps. */
export async function sleeper(ms: number): Promise<unknown> {
  const trace: unknown[] = []
  let gone = false
  setHandler(say, (word) => void trace.push(word))
  setHandler(go, () => void (gone = true))
  trace.push('sleeps')
  await sleep(ms, { summary: 'a nap' })
  trace.push('wakes')
  await condition(() => gone)
  return trace
}

/** Timers and conditions in a race that a signal may win. */
export async function races(ms: number): Promise<unknown> {
  let word: unknown
  setHandler(say, (said) => void (word = said))
  const trace: unknown[] = []
  for (let round = 0; round < 3; round++) {
    word = undefined
    const winner = await Promise.race([
      sleep(ms * (round + 1)).then(() => 'timer'),
      condition(() => word !== undefined).then(() => word),
    ])
    trace.push(winner)
  }
  return trace
}
