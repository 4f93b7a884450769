import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getSignalChannel,
  getUnhandledSignalNames,
  isCancellation,
  Selector,
  setHandler,
  sleep,
  Trigger,
} from 'signalbox/workflow'

const trace = defineQuery<unknown[]>('trace')
export const order = defineSignal<[string]>('order')

function tracer(): unknown[] {
  const lines: unknown[] = []
  setHandler(trace, () => lines)
  return lines
}

export async function receive(): Promise<unknown[]> {
  const lines = tracer()
  await sleep(1000)
  const channel = getSignalChannel(order)
  lines.push(channel.length, getSignalChannel('order') === channel, channel.name)
  lines.push(await channel.receive(), channel.receiveAsync(), channel.receiveAsync())
  lines.push(await channel.receiveWithTimeout('1s'))
  lines.push(await channel.receiveWithTimeout(1000))
  lines.push(await channel.receive())
  return lines
}

/** Receivers are served in the order in which they began to wait. */
export async function fair(): Promise<unknown[]> {
  const lines = tracer()
  const channel = getSignalChannel<string>('order')
  const receivers = ['a', 'b', 'c'].map(async (name) => {
    for (let i = 0; i < 2; i++) lines.push(`${name} ${await channel.receive()}`)
  })
  await Promise.all(receivers)
  return lines
}

/** A receiver that is cancelled in the very turn in which its value comes. */
export async function cancelledReceiver(): Promise<unknown[]> {
  const lines = tracer()
  const channel = getSignalChannel<string>('order')
  const scope = new CancellationScope()
  setHandler(defineSignal('stop'), () => scope.cancel())
  const receiving = scope.run(async () => {
    try {
      for (;;) lines.push(await channel.receive())
    } catch (error) {
      lines.push(isCancellation(error))
    }
  })
  await receiving
  lines.push(`left ${channel.length}`)
  lines.push(await channel.receive())
  return lines
}

export async function select(): Promise<unknown[]> {
  const lines = tracer()
  const first = getSignalChannel<string>('first')
  const second = getSignalChannel<string>('second')
  const answered = new Trigger<string>()
  const failing = sleep(5000).then(() => {
    throw new RangeError('late')
  })
  setHandler(defineSignal<[string]>('answer'), (value) => answered.resolve(value))
  const selector = new Selector()
    .addReceive(second, async (channel) => {
      lines.push(`second ${await channel.receive()}`)
    })
    .addReceive(first, (channel) => {
      lines.push(`first ${channel.receiveAsync().value}`)
    })
    .addFuture(answered, async (future) => {
      lines.push(`answer ${await future}`)
    })
    .addFuture(failing, async (future) => {
      try {
        await future
      } catch (error) {
        lines.push(`failed ${(error as Error).message}`)
      }
    })
  lines.push(selector.hasPending())
  for (let i = 0; i < 6; i++) {
    await selector.select()
    lines.push('|')
  }
  return lines
}

/** Without taking anything: the branch stays ready, and nothing is lost. */
export async function lazyBranch(): Promise<unknown[]> {
  const lines = tracer()
  const channel = getSignalChannel<string>('order')
  let looked = 0
  const selector = new Selector().addReceive(channel, () => {
    looked += 1
  })
  await selector.select()
  await selector.select()
  lines.push(looked, selector.hasPending(), await channel.receive())
  return lines
}

/** A default branch that waits, as in the defect of the Go SDK that lost signals. */
export async function blockingDefault(rounds: number): Promise<unknown[]> {
  const lines = tracer()
  const channel = getSignalChannel<string>('order')
  const selector = new Selector()
    .addReceive(channel, async (from) => {
      lines.push(await from.receive())
    })
    .addDefault(() => sleep(10))
  for (let i = 0; i < rounds; i++) await selector.select()
  while (channel.length > 0) lines.push(channel.receiveAsync().value)
  return lines
}

export async function defaultNow(): Promise<unknown[]> {
  const lines = tracer()
  const settled = Promise.resolve('settled')
  const selector = new Selector()
    .addFuture(settled, async (future) => void lines.push(await future))
    .addDefault(() => void lines.push('default'))
  await selector.select()
  await selector.select()
  return lines
}

/** What nobody has received goes to the next run. */
export async function handOver(take: number): Promise<void> {
  const channel = getSignalChannel<string>('order')
  let finished = false
  setHandler(defineSignal('done'), () => {
    finished = true
  })
  for (let i = 0; i < take; i++) await channel.receive()
  await condition(() => finished)
  await continueAsNew<typeof handOver>(take)
}

/** The snippet of Go's documentation. */
export async function snippet(signalName: string): Promise<string> {
  let value = ''
  const channel = getSignalChannel<string>(signalName)
  const selector = new Selector()
  selector.addReceive(channel, async (from) => {
    value = await from.receive()
  })
  await selector.select()
  if (value.length > 0 && value !== 'SOME_VALUE') throw new Error('signalVal')
  return value
}

export async function parsed(): Promise<unknown[]> {
  const parse = (value: unknown): number => {
    if (typeof value === 'number') return value
    throw new TypeError(`no number: ${String(value)}`)
  }
  const channel = getSignalChannel('amount', { parse })
  const lines: unknown[] = [await channel.receive(), await channel.receive()]
  try {
    getSignalChannel('amount', { parse: String })
  } catch (error) {
    lines.push(error instanceof TypeError ? 'another parse function' : error)
  }
  return lines
}

export async function unhandled(): Promise<unknown[]> {
  const lines = tracer()
  const channel = getSignalChannel<string>('order')
  setHandler(defineSignal('look'), () => void lines.push(getUnhandledSignalNames()))
  setHandler(defineSignal('take'), () => void channel.receiveAsync())
  await condition(() => lines.length === 2)
  return lines
}
