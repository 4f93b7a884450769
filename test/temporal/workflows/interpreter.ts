import {
  ActivityCancellationType,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  ContinueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setDefaultSignalHandler,
  setHandler,
  sleep,
  startChild,
  Trigger,
  upsertMemo,
} from '@temporalio/workflow'

/** What a generated program is made of. */
export type Step =
  | { readonly op: 'sleep'; readonly ms: number }
  | {
      readonly op: 'activity' | 'local'
      readonly cancellation: keyof typeof ActivityCancellationType
    }
  | {
      readonly op: 'child'
      readonly cancellation: keyof typeof ChildWorkflowCancellationType
      readonly until: 'start' | 'end'
    }
  | { readonly op: 'condition'; readonly more: number; readonly ms?: number | undefined }
  | { readonly op: 'trigger'; readonly n: number }
  | {
      readonly op: 'scope'
      readonly kind: 'cancellable' | 'nonCancellable' | 'timeout'
      readonly body: readonly Step[]
    }
  | { readonly op: 'race' | 'all'; readonly branches: readonly (readonly Step[])[] }
  | { readonly op: 'spawn' | 'attempt'; readonly body: readonly Step[] }
  | { readonly op: 'handlers'; readonly slow: boolean }
  | { readonly op: 'yield'; readonly times: number }
  | { readonly op: 'signal' | 'cancel' | 'memo' | 'fail' | 'break' | 'again' }
  | { readonly op: 'cut'; readonly n: number }
  /** Run more in a scope that there is already, whatever became of it. */
  | { readonly op: 'enter'; readonly n: number; readonly body: readonly Step[] }
  /** Listen for the cancellation of the current scope. */
  | { readonly op: 'listen' }
  | { readonly op: 'timeout'; readonly ms: number; readonly clears: boolean }
  | { readonly op: 'patch'; readonly n: number }

export interface Program {
  readonly main: readonly Step[]
  /** What the asynchronous handlers do, by their argument. */
  readonly handlers: readonly (readonly Step[])[]
  readonly waitsForHandlers: boolean
}

export const traceOf = defineQuery<readonly string[]>('trace')
export const add = defineSignal<[number]>('add')
export const run = defineSignal<[number]>('run')
export const fire = defineSignal<[number]>('fire')
export const cut = defineSignal<[number]>('cut')
export const late = defineSignal<[number]>('late')
export const apply = defineUpdate<number, [number]>('apply')
export const quick = defineUpdate<number, [number]>('quick')
export const lateUpdate = defineUpdate<number, [number]>('lateUpdate')

const activitiesOf = (cancellationType: keyof typeof ActivityCancellationType) =>
  proxyActivities<{ work(n: number): Promise<number> }>({
    startToCloseTimeout: '1 minute',
    cancellationType,
  })

const localsOf = (cancellationType: keyof typeof ActivityCancellationType) =>
  proxyLocalActivities<{ work(n: number): Promise<number> }>({
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 5 },
    localRetryThreshold: '10 s',
    cancellationType,
  })

/** Runs a program and writes down what it sees, in the order in which it sees it. */
class Interpreter {
  readonly trace: string[] = []
  total = 0
  readonly #handlers: Program['handlers']
  readonly #triggers = [0, 1, 2].map(() => new Trigger<number>())
  readonly #scopes: CancellationScope[] = []
  readonly #began = Date.now()
  #count = 0

  constructor({ handlers }: Program) {
    this.#handlers = handlers
  }

  say(where: string, what: string): void {
    const cancelled = CancellationScope.current().consideredCancelled ? ' (cancelled)' : ''
    this.trace.push(`${Date.now() - this.#began} ${where}: ${what}${cancelled}`)
  }

  listen(): void {
    setHandler(traceOf, () => this.trace)
    setHandler(add, (n) => {
      this.total += n
      this.say('add', `${n}`)
    })
    setHandler(run, (n) => this.#handle('run', n))
    setHandler(fire, (n) => {
      this.say('fire', `${n}`)
      this.#triggers[n % 3]?.resolve(n)
    })
    setHandler(cut, (n) => this.#cut('cut', n))
    setHandler(
      apply,
      async (n) => {
        this.total += n
        await this.#handle('apply', n)
        return this.total
      },
      {
        validator: (n) => {
          if (n % 5 === 4) throw new Error(`not ${n}`)
        },
      },
    )
    setHandler(quick, (n) => {
      this.say('quick', `${n}`)
      if (n === 3) throw ApplicationFailure.create({ message: 'quick', type: 'Quick' })
      return (this.total += n)
    })
  }

  async #handle(where: string, n: number): Promise<void> {
    const at = `${where}${(this.#count += 1)}`
    this.say(at, `begins ${n}`)
    try {
      await this.all(at, this.#handlers[n % this.#handlers.length] ?? [])
      this.say(at, 'ends')
    } catch (error) {
      this.say(at, describe(error))
      // One in ten ends the workflow with what it throws.
      if (n === 9 || error instanceof ContinueAsNew) throw error
    }
  }

  #cut(where: string, n: number): void {
    this.say(where, `${n}`)
    this.#scopes[n % this.#scopes.length]?.cancel()
    this.say(where, 'done')
  }

  async all(where: string, steps: readonly Step[]): Promise<void> {
    for (const [at, step] of steps.entries()) {
      const here = `${where}.${at}`
      this.say(here, step.op)
      try {
        const result = await this.#step(here, step)
        this.say(here, result === undefined ? 'done' : `gave ${JSON.stringify(result)}`)
      } catch (error) {
        this.say(here, `threw ${describe(error)}`)
        throw error
      }
    }
  }

  async #step(where: string, step: Step): Promise<unknown> {
    switch (step.op) {
      case 'sleep':
        return sleep(step.ms)
      case 'activity':
        return activitiesOf(step.cancellation).work(this.total)
      case 'local':
        return localsOf(step.cancellation).work(this.total)
      case 'child': {
        const child = await startChild('someChild', {
          workflowId: `child-${(this.#count += 1)}`,
          cancellationType: step.cancellation,
          args: [where],
        })
        this.say(where, 'started')
        return step.until === 'start' ? child.firstExecutionRunId : child.result()
      }
      case 'condition': {
        const least = this.total + step.more
        const isEnough = (): boolean => this.total >= least
        return step.ms === undefined ? condition(isEnough) : condition(isEnough, step.ms)
      }
      case 'trigger':
        return this.#triggers[step.n % 3]
      case 'scope':
        return this.#inScope(where, step)
      case 'race':
        return Promise.race(this.#branches(where, step.branches))
      case 'all':
        return Promise.all(this.#branches(where, step.branches)).then(() => undefined)
      case 'spawn':
        void this.all(where, step.body).catch((error: unknown) => {
          this.say(where, `spawned and threw ${describe(error)}`)
        })
        return undefined
      case 'attempt':
        return this.all(where, step.body).catch((error: unknown) => {
          if (error instanceof ContinueAsNew) throw error
          return describe(error)
        })
      case 'handlers':
        this.#listenLate(step.slow)
        return undefined
      case 'yield':
        for (let times = 0; times < step.times; times++) await Promise.resolve()
        return undefined
      case 'cut':
        this.#cut(where, step.n)
        return undefined
      case 'enter': {
        const scope = this.#scopes[step.n % this.#scopes.length]
        return scope?.run(() => this.all(where, step.body))
      }
      case 'listen':
        CancellationScope.current().cancelRequested.catch((error: unknown) => {
          this.say(where, `heard ${describe(error)}`)
          // Between the cancellations of what began before and after it.
          upsertMemo({ total: this.total })
        })
        return undefined
      case 'timeout': {
        const handle = setTimeout(() => this.say(where, 'rings'), step.ms)
        if (step.clears) clearTimeout(handle)
        return undefined
      }
      case 'patch':
        return patched(`patch-${step.n}`)
      case 'signal':
        return getExternalWorkflowHandle('other').signal('hello', this.total)
      case 'cancel':
        return getExternalWorkflowHandle('other').cancel()
      case 'memo':
        upsertMemo({ total: this.total })
        return undefined
      case 'fail':
        throw ApplicationFailure.create({ message: where, type: 'Wanted', details: [this.total] })
      case 'break':
        throw new Error(`broken at ${where}`)
      case 'again':
        return continueAsNew<typeof interpret>({ main: [], handlers: [], waitsForHandlers: true })
      default:
        return step satisfies never
    }
  }

  #branches(where: string, branches: readonly (readonly Step[])[]): Promise<void>[] {
    return branches.map((steps, at) => this.all(`${where}/${at}`, steps))
  }

  #inScope(where: string, { kind, body }: Extract<Step, { op: 'scope' }>): Promise<void> {
    const scope =
      kind === 'timeout'
        ? new CancellationScope({ cancellable: true, timeout: 20 })
        : new CancellationScope({ cancellable: kind === 'cancellable' })
    this.#scopes.push(scope)
    return scope.run(() => this.all(where, body))
  }

  #listenLate(slow: boolean): void {
    setHandler(late, slow ? (n) => this.#handle('late', n) : (n) => this.say('late', `${n}`))
    setHandler(lateUpdate, (n) => {
      this.say('lateUpdate', `${n}`)
      return n
    })
    setDefaultSignalHandler((name, ...args) => this.say('default', `${name} ${args.join()}`))
  }
}

export async function interpret(program: Program): Promise<unknown> {
  const interpreter = new Interpreter(program)
  interpreter.listen()
  await interpreter.all('main', program.main)
  if (program.waitsForHandlers) await condition(allHandlersFinished)
  interpreter.say('main', 'ends')
  return { total: interpreter.total, trace: interpreter.trace }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : ` < ${describe(error.cause)}`
  return `${error.name} ${error.message}${cause}`
}
