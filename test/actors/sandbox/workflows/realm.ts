import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  log,
  setDefaultQueryHandler,
  setHandler,
  sleep,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'

const evaluate = defineSignal<[string]>('evaluate')
const answer = defineQuery<unknown>('answer')

let moduleState = 0

/** Runs what it is told to, with what a workflow file sees; the answer is what it returned. */
export async function lab(): Promise<void> {
  let last: unknown
  const scope = {
    globalThis,
    bump: () => {
      moduleState += 1
      return moduleState
    },
    uuid4,
    workflowInfo,
    log,
    sleep,
    setHandler,
    defineQuery,
    condition,
    CancellationScope,
    ApplicationFailure,
  }
  setHandler(evaluate, (code) => {
    const names = Object.keys(scope)
    try {
      last = new Function(...names, `"use strict"; return (${code})`)(...Object.values(scope))
    } catch (error) {
      last = `${(error as Error).name}: ${(error as Error).message}`
    }
  })
  setHandler(answer, () => last)
  await condition(() => false)
}

class OldError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OldError'
    this.message = `old ${message}`
  }
}

class CustomFailure extends ApplicationFailure {
  constructor() {
    super('custom', 'CustomFailure')
    this.name = 'CustomFailure'
    this.toString = () => 'custom text'
  }
}

function Legacy(this: { kind: string }): void {
  this.kind = 'legacy'
}
Legacy.prototype = Object.create(Error.prototype) as object
Legacy.prototype.constructor = Legacy
Legacy.prototype.toString = function (this: { kind: string }) {
  return this.kind
}

const text = (value: { toString(): string }): string => value.toString()

/** What frozen intrinsics would forbid if nothing were done about the override mistake. */
export async function overrides(): Promise<unknown[]> {
  const plain: Record<string, unknown> = {}
  plain['toString'] = () => 'mine'
  plain['constructor'] = 1
  plain['hasOwnProperty'] = 2
  const list = [1, 2] as unknown as { push: unknown; length: number }
  list.push = 3
  const fn = Object.assign(() => {}, {}) as unknown as Record<string, unknown>
  fn['call'] = 4
  fn['toString'] = 5
  const LegacyError = Legacy as unknown as new () => Error
  const old = new OldError('x')
  return [
    `${old.name} ${old.message} ${old instanceof Error} ${Object.keys(old).join()}`,
    text(new CustomFailure()),
    new LegacyError().toString(),
    text(plain),
    plain['constructor'],
    plain['hasOwnProperty'],
    list.push,
    fn['call'],
    fn['toString'],
    Object.keys(plain),
  ]
}

/** Values that came from outside belong to the realm of the workflow. */
export async function realms(
  text: string,
  data: { deep: number[] },
  bytes: Uint8Array,
): Promise<unknown> {
  return [
    typeof text,
    data instanceof Object,
    Array.isArray(data.deep) && data.deep instanceof Array,
    bytes instanceof Uint8Array,
    bytes.buffer instanceof ArrayBuffer,
    workflowInfo().memo instanceof Object,
    workflowInfo().startTime instanceof Date,
    Object.getPrototypeOf(bytes) === Uint8Array.prototype,
  ]
}

export async function queries(): Promise<void> {
  let count = 0
  setHandler(defineQuery<number>('count'), () => count)
  setHandler(defineQuery<number, [number, number]>('sum'), (a, b) => a + b)
  setHandler(defineQuery<unknown>('bytes'), () => new Uint8Array([1, 2]))
  setHandler(defineQuery<unknown>('nothing'), () => undefined)
  setHandler(defineQuery<unknown>('throws'), () => {
    throw new RangeError('out of range')
  })
  setHandler(defineQuery<unknown>('fails'), () => {
    throw ApplicationFailure.nonRetryable('no', 'Refused', { why: 1 })
  })
  setHandler(defineQuery<unknown>('promise'), async () => 1)
  setHandler(defineQuery<unknown>('unserialisable'), () => () => {})
  setHandler(defineQuery<unknown>('commands'), () => {
    void sleep(10)
    return 'hidden'
  })
  setHandler(defineQuery<unknown>('commandsLater'), () => {
    void Promise.resolve().then(() => sleep(10))
    return 'hidden'
  })
  setHandler(defineQuery<unknown>('waits'), () => {
    void condition(() => false)
    return 'hidden'
  })
  setHandler(defineQuery<unknown>('sets'), () => {
    setHandler(evaluate, () => {})
    return 'hidden'
  })
  setHandler(defineQuery<unknown>('cancels'), () => {
    CancellationScope.current().cancel()
    return 'hidden'
  })
  setHandler(defineQuery<unknown>('floats'), () => {
    void Promise.reject(new Error('floating'))
    return 'answered'
  })
  setHandler(defineQuery<number>('draws'), () => Math.random())
  setHandler(evaluate, () => {
    count = Math.random()
  })
  // A condition that looks at what only a query changes: queries do not move conditions.
  let looked = 0
  setHandler(defineQuery<number>('looked'), () => looked)
  await condition(() => {
    looked += 1
    return false
  })
}

export async function queriedByDefault(): Promise<void> {
  setHandler(answer, () => 'specific')
  setDefaultQueryHandler((name, ...args) => [name, ...args])
  await condition(() => false)
}

export async function floating(how: string): Promise<void> {
  setHandler(evaluate, () => {
    void Promise.reject(new TypeError(`left floating by ${workflowInfo().workflowId}`))
  })
  if (how === 'handled later') {
    const rejected = Promise.reject(new Error('handled'))
    await Promise.resolve()
    await rejected.catch(() => {})
  }
  if (how === 'microtask') {
    queueMicrotask(() => {
      throw new TypeError('thrown in a microtask')
    })
  }
  await condition(() => false)
}

/** Leaves microtasks behind an error: they must not run in the next run's turn. */
export async function throwsEarly(): Promise<void> {
  setHandler(evaluate, () => {
    void Promise.resolve().then(() => sleep(99))
  })
  await condition(() => false)
}

export function throwsAtOnce(): never {
  void Promise.resolve().then(() => sleep(99))
  throw new TypeError('not even a promise')
}

export async function logs(): Promise<void> {
  log.info('hello', { order: 7, error: new Error('inner') })
  console.warn('%s has %d', 'cart', 3, { a: 1 })
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  log.debug('circular', { circular, big: 1n })
  await sleep(1)
  log.error('after')
}

export async function overflow(): Promise<void> {
  const deeper = (): number => deeper() + 1
  deeper()
}
