import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  setHandler,
  sleep,
} from '@temporalio/workflow'
import {
  Channel,
  ChannelClosedError,
  getSignalChannel,
  Mutex,
  Selector,
  Semaphore,
  serially,
  WaitGroup,
} from 'signalbox/channels'

/** Everything here is written as a project does that may move to a Temporal cluster. */
const trace = defineQuery<unknown[]>('trace')

function tracer(): unknown[] {
  const lines: unknown[] = []
  setHandler(trace, () => lines)
  return lines
}

/** How a promise ended, once it has. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return isCancellation(error) ? 'cancelled' : (error as Error).name
  }
}

/** A sender without room waits for its receiver, one with room does not. */
export async function capacities(): Promise<unknown[]> {
  const lines = tracer()
  const rendezvous = new Channel<number>()
  lines.push(rendezvous.sendAsync(0), rendezvous.length, rendezvous.capacity, rendezvous.name)
  const sent = rendezvous.send(1).then(() => lines.push('sent 1'))
  lines.push(rendezvous.length)
  lines.push(await rendezvous.receive())
  await sent
  const receiving = rendezvous.receive()
  lines.push(rendezvous.sendAsync(2), await receiving)

  const buffered = new Channel<number>({ name: 'buffered', capacity: 2 })
  lines.push(buffered.sendAsync(1), buffered.sendAsync(2), buffered.sendAsync(3))
  const third = buffered.send(3).then(() => lines.push('sent 3'))
  const fourth = buffered.send(4).then(() => lines.push('sent 4'))
  lines.push(buffered.length)
  lines.push(await buffered.receive(), await buffered.receive())
  await Promise.all([third, fourth])
  lines.push(buffered.length, buffered.receiveAsync().value, buffered.receiveAsync().value)
  return lines
}

export async function closing(): Promise<unknown[]> {
  const lines = tracer()
  const channel = new Channel<string>({ name: 'work', capacity: 1 })
  channel.sendAsync('kept')
  const blocked = outcome(channel.send('blocked'))
  channel.close()
  channel.close()
  lines.push(channel.isClosed, channel.length, await blocked)
  lines.push(await outcome(channel.send('late')))
  try {
    channel.sendAsync('late')
  } catch (error) {
    lines.push(error instanceof ChannelClosedError, (error as Error).message)
  }
  lines.push(await channel.receiveWithMoreFlag(), await channel.receiveWithMoreFlag())
  lines.push(channel.receiveAsync(), await channel.receiveWithTimeout('1 hour'))
  lines.push(await outcome(channel.receive()))

  const other = new Channel<string>()
  const waiting = [outcome(other.receive()), outcome(other.receiveWithMoreFlag())]
  other.close()
  lines.push(...(await Promise.all(waiting)))
  return lines
}

/** A pipeline: values go through in order, however the parts take turns, and closing ends it. */
export async function pipeline(count: number, capacity: number): Promise<number[]> {
  const numbers = new Channel<number>({ capacity })
  const squares = new Channel<number>({ capacity })
  const produce = async (): Promise<void> => {
    for (let i = 0; i < count; i++) await numbers.send(i)
    numbers.close()
  }
  const square = async (): Promise<void> => {
    for await (const n of numbers) await squares.send(n * n)
    squares.close()
  }
  const got: number[] = []
  const collect = async (): Promise<void> => {
    for await (const n of squares) got.push(n)
  }
  await Promise.all([produce(), square(), collect()])
  return got
}

/** A send that is cancelled sends nothing; one that is cancelled as its value is taken has sent it. */
export async function cancelledSend(takeFirst: boolean): Promise<unknown[]> {
  const lines = tracer()
  const channel = new Channel<string>()
  const scope = new CancellationScope()
  const sending = scope.run(() => outcome(channel.send('value')))
  await sleep(1)
  if (takeFirst) lines.push(channel.receiveAsync().value)
  scope.cancel()
  if (!takeFirst) await condition(() => channel.length === 0)
  lines.push(await sending, channel.receiveAsync().ok)
  return lines
}

export async function sendBranches(): Promise<unknown[]> {
  const lines = tracer()
  const roomy = new Channel<string>({ capacity: 1 })
  const strict = new Channel<string>()
  const selector = new Selector()
    .addSend(strict, 'to strict', () => lines.push('sent strict'))
    .addSend(roomy, 'to roomy', async () => {
      lines.push('sent roomy')
    })
  lines.push(selector.hasPending())
  await selector.select()
  lines.push(selector.hasPending(), roomy.length, strict.length)

  // Full now: the next select waits, and offers both values; one receive takes one.
  const selecting = selector.select()
  lines.push(roomy.length, strict.length)
  lines.push(await strict.receive())
  await selecting
  lines.push(roomy.length, strict.length)

  const again = selector.select()
  lines.push(await roomy.receive())
  await again
  lines.push(roomy.receiveAsync().value, roomy.length, strict.length)

  strict.close()
  lines.push(await outcome(selector.select()))
  return lines
}

/** Two selectors meet on a channel without capacity, whoever comes first. */
export async function selectorsMeet(sendFirst: boolean): Promise<unknown[]> {
  const lines = tracer()
  const channel = new Channel<number>()
  const other = new Channel<number>()
  const sender = new Selector()
    .addReceive(other, () => lines.push('wrong'))
    .addSend(channel, 7, () => lines.push('sent'))
  const receiver = new Selector()
    .addReceive(other, () => lines.push('wrong'))
    .addReceive(channel, async (from) => lines.push(await from.receive()))
  const both = sendFirst ? [sender, receiver] : [receiver, sender]
  await Promise.all(both.map((selector) => selector.select()))
  return lines
}

export async function cancelledSelect(): Promise<unknown[]> {
  const lines = tracer()
  const channel = new Channel<number>()
  const scope = new CancellationScope()
  const selecting = scope.run(() => outcome(new Selector().addSend(channel, 1).select()))
  await sleep(1)
  scope.cancel()
  lines.push(await selecting, channel.length, channel.receiveAsync().ok)
  return lines
}

export async function closedBranch(): Promise<unknown[]> {
  const lines = tracer()
  const channel = new Channel<string>({ capacity: 2 })
  channel.sendAsync('last')
  channel.close()
  const selector = new Selector()
    .addReceive(channel, (from, more) => {
      lines.push(more, from.receiveAsync().value)
    })
    .addDefault(() => lines.push('default'))
  for (let i = 0; i < 3; i++) await selector.select()
  lines.push(selector.hasPending())
  return lines
}

export async function locks(): Promise<unknown[]> {
  const lines = tracer()
  const mutex = new Mutex()
  const group = new WaitGroup()
  for (const name of ['a', 'b', 'c']) {
    group.add()
    void mutex
      .runExclusive(async () => {
        lines.push(`${name} in`)
        await sleep(10)
        lines.push(`${name} out`)
      })
      .finally(() => group.done())
  }
  lines.push(mutex.isLocked, mutex.tryLock(), group.count)
  await group.wait()
  lines.push(mutex.isLocked, mutex.tryLock(), mutex.tryLock())
  const scope = new CancellationScope()
  const locking = scope.run(() => outcome(mutex.lock()))
  await sleep(1)
  scope.cancel()
  lines.push(await locking)
  mutex.unlock()
  lines.push(mutex.isLocked)
  return lines
}

export async function semaphore(): Promise<unknown[]> {
  const lines = tracer()
  const permits = new Semaphore(3)
  await permits.acquire(2)
  const scope = new CancellationScope()
  const large = scope.run(() => outcome(permits.acquire(3)))
  const small = permits.acquire().then(() => lines.push('small'))
  await sleep(1)
  lines.push(permits.available, permits.tryAcquire())
  // The large one is before the small one in the queue; without it the small one can be served.
  scope.cancel()
  lines.push(await large)
  await small
  lines.push(permits.available)
  permits.release(3)
  lines.push(permits.available)
  for (const wrong of [
    () => permits.release(),
    () => permits.tryAcquire(4),
    () => permits.tryAcquire(0),
    () => new Semaphore(1.5),
    () => new Mutex().unlock(),
    () => new WaitGroup().done(),
    () => new Channel({ capacity: -1 }),
  ]) {
    try {
      wrong()
    } catch (error) {
      lines.push((error as Error).message)
    }
  }
  return lines
}

const work = defineSignal<[string, number]>('work')

/** Handlers whose calls would overlap; `serially` has them wait for one another. */
export async function serialHandlers(count: number, failAt?: string): Promise<unknown[]> {
  const lines = tracer()
  let ended = 0
  setHandler(
    work,
    serially(async (name: string, ms: number) => {
      lines.push(`${name} in`)
      if (ms > 0) await sleep(ms)
      if (name === failAt) throw ApplicationFailure.create({ message: `${name} failed` })
      lines.push(`${name} out`)
      ended++
    }),
  )
  await condition(() => ended === count && allHandlersFinished())
  return lines
}

export async function failingCalls(): Promise<unknown[]> {
  const lines = tracer()
  const call = serially(async (n: number) => {
    lines.push(n)
    await sleep(1)
    if (n === 1) throw new RangeError('one')
    return n * 10
  })
  lines.push(...(await Promise.all([0, 1, 2].map((n) => outcome(call(n))))))
  lines.push(await call(3))
  return lines
}

/** As the signal channel of the same name gives its values to several receivers. */
export async function mixed(): Promise<unknown[]> {
  const lines = tracer()
  const done = new Channel<string>()
  const orders = getSignalChannel<string>('order')
  void (async () => {
    for await (const value of orders) await done.send(value)
  })()
  for (let i = 0; i < 3; i++) lines.push(await done.receive())
  return lines
}
