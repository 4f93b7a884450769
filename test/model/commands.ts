import { isDeepStrictEqual } from 'node:util'
import type fc from 'fast-check'
import { SignalboxError, type WorkflowHandle } from 'signalbox'
import { eventually } from '../fixtures/eventually.ts'
import { add, finish, items, roll, roller } from '../fixtures/workflows.ts'
import { type Model, portionOf, type WorkflowModel } from './model.ts'
import type { System } from './system.ts'

export interface Op {
  readonly workflow: number
  readonly kind:
    | 'signal'
    | 'identified'
    | 'signalWithStart'
    | 'identifiedWithStart'
    | 'start'
    | 'roll'
    | 'finish'
    | 'terminate'
    | 'turnTheLoop'
  readonly requestId: number
  readonly variant: number
  /** Wait until the signal has been handled, where the outcome then tells whether it was recorded. */
  readonly processed: boolean
}

/** What came of a call: the chain that it began or found, if it tells, or an error code. */
type Outcome = { readonly chain?: string | undefined } | { readonly code: string }

interface Call {
  readonly op: Op
  readonly number: number
  readonly outcome: Promise<Outcome>
}

type Command = fc.AsyncCommand<Model, System>

const NOT_FOUND = 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND'
const CRASHED = /_(INDETERMINATE|RUNTIME_POISONED|RUNTIME_CLOSED|REQUEST_ID_REUSED)$/

/** Many calls of one client at once, none awaited before the next is made. */
export class Burst implements Command {
  readonly #ops: readonly Op[]

  constructor(ops: readonly Op[]) {
    this.#ops = ops
  }

  check(): boolean {
    return true
  }

  async run(model: Model, system: System): Promise<void> {
    await settle(model, await callAll(model, system, this.#ops), false)
  }

  toString(): string {
    return `burst(${describeOps(this.#ops)})`
  }
}

/** The process dies in the middle of it, and another one starts. */
export class Crash implements Command {
  readonly #ops: readonly Op[]
  readonly #slots: number

  constructor(ops: readonly Op[], slots: number) {
    this.#ops = ops
    this.#slots = slots
  }

  check(): boolean {
    return true
  }

  async run(model: Model, system: System): Promise<void> {
    const ops = this.#ops.map((op) => ({ ...op, processed: false }))
    const calls = await callAll(model, system, ops)
    await system.crash(this.#slots)
    await settle(model, calls, true)
  }

  toString(): string {
    return `crash(${describeOps(this.#ops)})`
  }
}

/** A worker dies in the middle of it. */
export class KillSlot implements Command {
  readonly #ops: readonly Op[]
  readonly #workflow: number

  constructor(ops: readonly Op[], workflow: number) {
    this.#ops = ops
    this.#workflow = workflow
  }

  check(): boolean {
    return true
  }

  async run(model: Model, system: System): Promise<void> {
    const calls = await callAll(model, system, this.#ops)
    system.killSlotOf(model.workflows[this.#workflow]?.workflowId ?? '')
    await settle(model, calls, false)
  }

  toString(): string {
    return `killSlot(${this.#workflow}, ${describeOps(this.#ops)})`
  }
}

export class Restart implements Command {
  readonly #slots: number

  constructor(slots: number) {
    this.#slots = slots
  }

  check(): boolean {
    return true
  }

  run(_model: Model, system: System): Promise<void> {
    return system.restart(this.#slots)
  }

  toString(): string {
    return `restart(${this.#slots})`
  }
}

/** Every chain has exactly what was acknowledged for it, in order. */
export class Check implements Command {
  check(): boolean {
    return true
  }

  async run(model: Model, system: System): Promise<void> {
    for (const workflow of model.workflows) {
      for (const index of workflow.chains.keys()) await checkChain(workflow, index, system)
    }
  }

  toString(): string {
    return 'check'
  }
}

async function checkChain(workflow: WorkflowModel, index: number, system: System): Promise<void> {
  const chain = workflow.chains[index]
  if (chain === undefined) return
  const { workflowId } = workflow
  const expected = portionOf(workflow, index)
  const current = system.client.getHandle<typeof roller>(workflowId)
  if (chain.terminated) {
    // It may not have come to all of it; in the order it had is a beginning.
    if (index < workflow.chains.length - 1) return
    const seen = await ask(current).catch((error: unknown) => {
      if (codeOf(error) === 'SIGNALBOX_ERR_QUERY_NOT_REGISTERED') return []
      throw error
    })
    same(workflowId, seen, expected.slice(0, seen.length))
  } else if (chain.endedBy !== undefined) {
    const first = system.client.getHandle<typeof roller>(workflowId, chain.firstRunId)
    same(workflowId, await first.result(), expected)
  } else {
    same(workflowId, await ask(current), expected)
  }
}

/** A run whose worker has just died says that it is not ready, and is soon. */
function ask(handle: WorkflowHandle): Promise<readonly unknown[]> {
  return eventually('it answers', () =>
    handle.query(items).catch((error: unknown) => {
      if (codeOf(error) === 'SIGNALBOX_ERR_WORKFLOW_NOT_READY') return undefined
      throw error
    }),
  )
}

function same(workflowId: string, seen: readonly unknown[], expected: readonly string[]): void {
  if (isDeepStrictEqual(seen, expected)) return
  throw new Error(`${workflowId} has [${seen.join(' ')}] and not [${expected.join(' ')}]`)
}

async function callAll(model: Model, system: System, ops: readonly Op[]): Promise<Call[]> {
  const calls: Call[] = []
  for (const given of ops) {
    const others = ops.filter(({ workflow }) => workflow === given.workflow)
    // Terminate overtakes what waits for a close, and leaves open whether a signal was recorded.
    if (given.kind === 'terminate' && others.some(({ kind }) => /start|finish/i.test(kind)))
      continue
    const mayEnd = others.some(({ kind }) => kind === 'terminate')
    const op = mayEnd ? { ...given, processed: false } : given
    if (op.kind === 'turnTheLoop') {
      await new Promise((resolve) => setImmediate(resolve))
      continue
    }
    const number = model.nextCall++
    const workflow = model.workflows[op.workflow] as WorkflowModel
    const outcome = call(op, number, workflow.workflowId, system).then(
      (chain) => ({ chain }),
      (error: unknown) => ({ code: codeOf(error) }),
    )
    calls.push({ op, number, outcome })
  }
  return calls
}

function itemOf({ kind, requestId, variant }: Op, number: number): string {
  return kind.startsWith('identified') ? `r${requestId}v${variant}` : `${number}`
}

async function call(
  op: Op,
  number: number,
  workflowId: string,
  { client }: System,
): Promise<string | undefined> {
  const waitFor = op.processed ? ('processed' as const) : ('durable' as const)
  const handle = client.getHandle(workflowId)
  const item = itemOf(op, number)
  const requestId = `r${op.requestId}`
  const withStart = { workflowId, signal: add, signalArgs: [item] as [string] }
  switch (op.kind) {
    case 'signal':
      await handle.signal({ signal: add, waitFor }, item)
      return undefined
    case 'identified':
      await handle.signal({ signal: add, waitFor, requestId }, item)
      return undefined
    case 'signalWithStart':
      return (await client.signalWithStart(roller, { ...withStart, waitFor })).firstExecutionRunId
    case 'identifiedWithStart':
      return (await client.signalWithStart(roller, { ...withStart, requestId })).firstExecutionRunId
    case 'start':
      return (await client.start(roller, { workflowId })).firstExecutionRunId
    case 'roll':
      return handle.signal(roll) as Promise<undefined>
    case 'finish':
      return handle.signal(finish) as Promise<undefined>
    case 'terminate':
      return handle.terminate() as Promise<undefined>
    default:
      throw new Error(`${op.kind} is no call`)
  }
}

function codeOf(error: unknown): string {
  return error instanceof SignalboxError ? error.code : String((error as Error).stack)
}

/** Wait for all outcomes, and take them into the model in the order of the calls. */
async function settle(model: Model, calls: readonly Call[], crashed: boolean): Promise<void> {
  const outcomes = await Promise.all(calls.map(({ outcome }) => outcome))
  for (const [i, { op, number }] of calls.entries()) {
    const workflow = model.workflows[op.workflow] as WorkflowModel
    const outcome = outcomes[i] as Outcome
    // Nothing that was not acknowledged before the crash was written; what it made another call's
    // request id the duplicate of may be gone with it.
    if (crashed && 'code' in outcome && CRASHED.test(outcome.code)) continue
    const complaint = takeIn(workflow, op, number, outcome)
    if (complaint !== undefined) {
      const got = 'code' in outcome ? outcome.code : 'an acknowledgement'
      throw new Error(
        `${workflow.workflowId}: call ${number} (${op.kind}) got ${got}, but ${complaint}`,
      )
    }
  }
}

/** Take an outcome into the model. Gives back what is wrong with it. */
function takeIn(
  workflow: WorkflowModel,
  op: Op,
  number: number,
  outcome: Outcome,
): string | undefined {
  const chain = workflow.chains.at(-1)
  const isClosing = chain === undefined || chain.endedBy !== undefined
  const identified = op.kind.startsWith('identified')
  const earlier = identified ? workflow.requests.get(`r${op.requestId}`) : undefined
  const item = itemOf(op, number)
  if (earlier !== undefined) {
    // A run that was terminated may never have handled the first one.
    const unhandled = op.processed && workflow.chains.some(({ terminated }) => terminated)
    if (unhandled && 'code' in outcome && outcome.code === NOT_FOUND) return undefined
    return takeInDuplicate(earlier === item, outcome)
  }
  if ('code' in outcome) return takeInRefusal(op, isClosing, outcome.code)

  if (outcome.chain !== undefined && outcome.chain !== chain?.firstRunId) {
    if (!isClosing) return 'another run is open'
    const { chain: firstRunId } = outcome
    workflow.chains.push({ firstRunId, from: number, endedBy: undefined, terminated: false })
  } else if (op.kind === 'start') {
    return 'the run was there already'
  }
  const current = workflow.chains.at(-1)
  if (current === undefined) return 'there is no run'
  if (op.kind === 'finish') current.endedBy ??= number
  if (op.kind === 'terminate') {
    current.endedBy ??= number
    current.terminated = true
  }
  if (!op.kind.includes('ignal') && !identified) return undefined
  workflow.accepted.push({ call: number, item })
  if (identified) workflow.requests.set(`r${op.requestId}`, item)
  return undefined
}

function takeInDuplicate(isSame: boolean, outcome: Outcome): string | undefined {
  const reused = 'code' in outcome && outcome.code === 'SIGNALBOX_ERR_REQUEST_ID_REUSED'
  if (isSame) return 'code' in outcome ? 'it is a duplicate' : undefined
  return reused ? undefined : 'its request id was used with another payload'
}

function takeInRefusal(op: Op, isClosing: boolean, code: string): string | undefined {
  if (op.kind === 'start') {
    return code === 'SIGNALBOX_ERR_WORKFLOW_ALREADY_STARTED' ? undefined : 'it should start'
  }
  if (op.kind.endsWith('WithStart')) return 'it should start or signal'
  if (code !== NOT_FOUND) return 'it should be taken or not found'
  return isClosing ? undefined : 'the workflow is open'
}

function describeOps(ops: readonly Op[]): string {
  return ops
    .map(({ kind, workflow, requestId, variant, processed }) => {
      const request = kind.startsWith('identified') ? ` r${requestId}v${variant}` : ''
      return `${kind} ${workflow}${request}${processed ? ' processed' : ''}`
    })
    .join(', ')
}
