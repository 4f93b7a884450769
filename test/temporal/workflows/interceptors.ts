import {
  type ActivateInput,
  type ActivityInput,
  ApplicationFailure,
  type ConcludeActivationInput,
  type ConcludeActivationOutput,
  type ContinueAsNewInput,
  defaultPayloadConverter,
  type DisposeInput,
  type GetLogAttributesInput,
  type Headers,
  type LocalActivityInput,
  type Next,
  type QueryInput,
  type SignalInput,
  type SignalWorkflowInput,
  type StartChildWorkflowExecutionInput,
  type TimerInput,
  type UpdateInput,
  type WorkflowExecuteInput,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowInterceptorsFactory,
  type WorkflowInternalsInterceptor,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow'
import { calls } from './calls.ts'

/* Interceptors of every kind that change what they can, and write down what they are given. */

type Inbound = Required<WorkflowInboundCallsInterceptor>
type Outbound = Required<WorkflowOutboundCallsInterceptor>

function note(who: string, what: string, seen: unknown): void {
  calls.push(`${who} ${what} ${JSON.stringify(seen)}`)
}

function marks(headers: Headers): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers)
      // The SDK's core keeps no order of them.
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, payload]) => [name, defaultPayloadConverter.fromPayload(payload)]),
  )
}

/** What headers there are, and one more. */
function marked(headers: Headers, who: string, what: string): Headers {
  return { ...headers, [who]: defaultPayloadConverter.toPayload(what) as Headers[string] }
}

class Comes implements WorkflowInboundCallsInterceptor {
  readonly #who: string

  constructor(who: string) {
    this.#who = who
  }

  async execute(input: WorkflowExecuteInput, next: Next<Inbound, 'execute'>): Promise<unknown> {
    note(this.#who, 'execute', [input.args, marks(input.headers)])
    const result = await next(input)
    note(this.#who, 'executed', [])
    return result
  }

  async handleSignal(input: SignalInput, next: Next<Inbound, 'handleSignal'>): Promise<void> {
    note(this.#who, 'signal', [input.signalName, input.args, marks(input.headers)])
    await next({ ...input, args: [`${String(input.args[0])} by ${this.#who}`] })
    note(this.#who, 'signalled', [input.signalName])
  }

  validateUpdate(input: UpdateInput, next: Next<Inbound, 'validateUpdate'>): void {
    next({ ...input, args: [`${String(input.args[0])} for ${this.#who}`] })
  }

  async handleUpdate(input: UpdateInput, next: Next<Inbound, 'handleUpdate'>): Promise<unknown> {
    note(this.#who, 'update', [input.name, input.args, marks(input.headers)])
    return [this.#who, await next({ ...input, args: [`${String(input.args[0])} by ${this.#who}`] })]
  }

  async handleQuery(input: QueryInput, next: Next<Inbound, 'handleQuery'>): Promise<unknown> {
    return [this.#who, input.queryName, await next(input)]
  }
}

class Goes implements WorkflowOutboundCallsInterceptor {
  readonly #who: string

  constructor(who: string) {
    this.#who = who
  }

  async startTimer(input: TimerInput, next: Next<Outbound, 'startTimer'>): Promise<void> {
    note(this.#who, 'timer', [input.durationMs, input.seq])
    if (input.durationMs === 13) throw ApplicationFailure.create({ message: 'no such timer' })
    await next({ ...input, durationMs: input.durationMs + 1 })
    note(this.#who, 'timed', [input.seq])
  }

  async scheduleActivity(
    input: ActivityInput,
    next: Next<Outbound, 'scheduleActivity'>,
  ): Promise<unknown> {
    note(this.#who, 'activity', [input.activityType, input.args, input.seq, input.options])
    const headers = marked(input.headers, this.#who, 'an activity')
    return `${this.#who}(${String(await next({ ...input, headers }))})`
  }

  async scheduleLocalActivity(
    input: LocalActivityInput,
    next: Next<Outbound, 'scheduleLocalActivity'>,
  ): Promise<unknown> {
    note(this.#who, 'local', [input.activityType, input.args, input.seq, input.attempt])
    return `${this.#who}(${String(await next({ ...input, args: [...input.args, this.#who] }))})`
  }

  async startChildWorkflowExecution(
    input: StartChildWorkflowExecutionInput,
    next: Next<Outbound, 'startChildWorkflowExecution'>,
  ): Promise<[Promise<string>, Promise<unknown>]> {
    const { args, memo, parentClosePolicy, cancellationType } = input.options
    note(this.#who, 'child', [
      [input.workflowType, input.seq, marks(input.headers)],
      [args, memo, parentClosePolicy, cancellationType],
    ])
    const headers = marked(input.headers, this.#who, 'a child')
    const [started, ended] = await next({ ...input, headers })
    return [started, ended.then((result) => `${this.#who}(${String(result)})`)]
  }

  async signalWorkflow(
    input: SignalWorkflowInput,
    next: Next<Outbound, 'signalWorkflow'>,
  ): Promise<void> {
    note(this.#who, 'send', [input.signalName, input.args, input.seq, input.target.type])
    await next({ ...input, headers: marked(input.headers, this.#who, 'a signal') })
    note(this.#who, 'sent', [input.seq])
  }

  async continueAsNew(
    input: ContinueAsNewInput,
    next: Next<Outbound, 'continueAsNew'>,
  ): Promise<never> {
    note(this.#who, 'continue', [input.args, input.options.workflowType])
    return next({ ...input, headers: marked(input.headers, this.#who, 'another run') })
  }

  getLogAttributes(
    input: GetLogAttributesInput,
    next: Next<Outbound, 'getLogAttributes'>,
  ): Record<string, unknown> {
    // Not written down: the SDK has lines of its own that say when a workflow begins and ends.
    return { ...next(input), who: this.#who }
  }
}

/** Sees every turn, of which either package has its own words: it tells how many there were. */
class Turns implements WorkflowInternalsInterceptor {
  #turns = 0

  activate(input: ActivateInput, next: Next<WorkflowInternalsInterceptor, 'activate'>): void {
    this.#turns++
    if (this.#turns === 1) note('turns', 'activate', [])
    next(input)
  }

  concludeActivation(
    input: ConcludeActivationInput,
    next: Next<WorkflowInternalsInterceptor, 'concludeActivation'>,
  ): ConcludeActivationOutput {
    if (this.#turns === 1) note('turns', 'conclude', [])
    return next(input)
  }

  dispose(input: DisposeInput, next: Next<WorkflowInternalsInterceptor, 'dispose'>): void {
    next(input)
  }
}

export const interceptors: WorkflowInterceptorsFactory = (): WorkflowInterceptors => ({
  inbound: [new Comes('a'), new Comes('b')],
  outbound: [new Goes('c'), new Goes('d')],
  internals: [new Turns()],
})
