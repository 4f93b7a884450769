import { condition, setHandler, sleep } from '@temporalio/workflow'
import { Channel, getSignalChannel, Mutex, Selector, Semaphore, serially } from 'signalbox/channels'
import { add, go, stop } from './signals.ts'

/** Receives from a signal channel, with and without waiting. */
export async function receiver(): Promise<unknown> {
  const log: unknown[] = []
  const words = getSignalChannel('say')
  log.push(['first', await words.receive()])
  log.push(['now', words.receiveAsync(), words.length])
  log.push(['timeout', await words.receiveWithTimeout(10)])
  for (;;) {
    const word = await words.receive()
    log.push(word)
    if (log.length > 6) return log
  }
}

/** The first ready branch in order of registration, a timer and a default among them. */
export async function selects(): Promise<unknown> {
  const log: unknown[] = []
  const words = getSignalChannel('say')
  const numbers = getSignalChannel<number>('add')
  const state = { done: false }
  const selector = new Selector()
    .addReceive(words, (channel) => void log.push(['word', channel.receiveAsync()]))
    .addReceive(numbers, (channel) => void log.push(['number', channel.receiveAsync()]))
    .addFuture(sleep(60), () => {
      log.push('late')
      state.done = true
    })
  while (!state.done) await selector.select()
  const last = new Selector()
    .addReceive(words, (channel) => void log.push(['left', channel.receiveAsync()]))
    .addDefault(() => void log.push('nothing left'))
  while (last.hasPending()) await last.select()
  await last.select()
  return log
}

/** Producers and consumers over a channel of the workflow's own. */
export async function pipeline(): Promise<unknown> {
  const channel = new Channel<number>({ capacity: 2 })
  const taken: unknown[] = []
  const consumer = (async () => {
    for await (const value of channel) {
      taken.push(value)
      await sleep(1)
    }
    const after = await channel.receiveWithMoreFlag()
    taken.push([after.ok, after.more])
  })()
  for (let n = 0; n < 5; n++) await channel.send(n)
  channel.close()
  await consumer
  return taken
}

/** Handlers in turn, with a mutex and a semaphore. */
export async function locks(): Promise<unknown> {
  const log: unknown[] = []
  const mutex = new Mutex()
  const semaphore = new Semaphore(2)
  let stopped = false
  setHandler(
    add,
    serially(async (n: number) => {
      log.push(['begin', n])
      await sleep(n)
      log.push(['end', n])
    }),
  )
  setHandler(go, async () => {
    await mutex.runExclusive(async () => {
      log.push('locked')
      await sleep(2)
      log.push('unlocked')
    })
    await semaphore.acquire()
    log.push('permitted')
    await sleep(1)
    semaphore.release()
  })
  setHandler(stop, () => {
    stopped = true
  })
  await condition(() => stopped)
  await sleep(40)
  return log
}
