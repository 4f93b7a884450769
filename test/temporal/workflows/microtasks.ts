import { condition, proxyActivities, setHandler, sleep, Trigger } from '@temporalio/workflow'
import type * as activities from '../fixtures/activities.ts'
import { add, go, say } from './signals.ts'

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' })

/**
 * Chains of promises of different lengths that end in commands: the order of the commands is that of
 * the microtasks, down to how many steps there are between an API's promise and its awaiter.
 */
export async function hops(): Promise<unknown> {
  const trace: string[] = []
  const chain = async (name: string, steps: number): Promise<void> => {
    for (let step = 0; step < steps; step++) await Promise.resolve()
    trace.push(name)
    await echo(name)
    trace.push(`${name}!`)
  }
  let said = 0
  setHandler(say, () => void said++)
  const until = async (count: number, steps: number): Promise<void> => {
    await condition(() => said >= count)
    await chain(`${count}/${steps}`, steps)
  }
  await Promise.all([
    until(1, 3),
    until(1, 0),
    until(2, 1),
    sleep(5).then(() => chain('nap', 2)),
    chain('now', 1),
    echo('first').then(() => chain('then', 1)),
  ])
  return trace
}

/** Conditions that settle what other conditions wait for, in rounds. */
export async function rounds(): Promise<unknown> {
  const trace: string[] = []
  let level = 0
  setHandler(add, (n) => {
    level += n
    trace.push(`+${n}`)
  })
  const step = async (name: string, at: number, steps: number): Promise<void> => {
    await condition(() => level >= at)
    trace.push(name)
    for (let hop = 0; hop < steps; hop++) await Promise.resolve()
    level++
    trace.push(`${name}=${level}`)
  }
  await Promise.all([
    step('c', 3, 0),
    step('b', 2, 1),
    step('a', 1, 2),
    step('d', 4, 0),
    step('e', 5, 3),
  ])
  return trace
}

/** The main function's end races with what a handler still does in the same turn. */
export async function endRace(steps: number): Promise<unknown> {
  const trace: string[] = []
  const over = new Trigger<void>()
  setHandler(say, async (word) => {
    over.resolve()
    for (let hop = 0; hop < steps; hop++) await Promise.resolve()
    trace.push('handler goes on')
    void echo(word)
    void sleep(100)
  })
  await over
  return trace
}

/** Unwrapping, thenables and async iteration inside one turn. */
export async function unwrapping(): Promise<unknown> {
  const trace: unknown[] = []
  let gone = false
  setHandler(go, () => void (gone = true))
  async function* numbers(): AsyncGenerator<number> {
    yield 1
    await echo('between')
    yield 2
    await condition(() => gone)
    yield 3
  }
  const thenable = {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried
    then: (resolve: (value: string) => void) => resolve('then'),
  } as PromiseLike<string>
  const [, thened] = await Promise.all([
    (async () => {
      for await (const number of numbers()) trace.push(number)
    })(),
    thenable,
    Promise.any([sleep(60_000), sleep(1).then(() => trace.push('any'))]),
  ])
  return [trace, thened]
}
