import type { UpdateOutcome } from '../commands.ts'
import { errorToFailure } from '../failure-converter.ts'
import {
  ApplicationFailure,
  DeterminismViolationError,
  ensureTemporalFailure,
  TemporalFailure,
} from '../failures.ts'
import { fromPayloads } from '../payload-converter.ts'
import type { Payload, PayloadMap } from '../payload.ts'
import type { Activator } from './activator.ts'
import { HandlerUnfinishedPolicy } from './handler-unfinished-policy.ts'
import {
  composeInterceptors,
  toHeaders,
  type WorkflowInboundCallsInterceptor,
} from './interceptors.ts'
import { returnedPayload } from './returned-payload.ts'
import { runInUpdate } from './update-info.ts'
import { isFailureType } from './workflow-options.ts'

/** Gets the update's name and arguments; what it returns, or its promise resolves to, is the result. */
export type DefaultUpdateHandler = (updateName: string, ...args: unknown[]) => unknown

/** An update of the mailbox, with its input number. */
export interface UpdateInput {
  readonly seq: number
  readonly updateId: string
  readonly name: string
  readonly args: readonly Payload[]
  readonly headers: PayloadMap | undefined
  /** When it was asked for. */
  readonly time: number
}

export interface UpdateHandler {
  readonly handler: (...args: unknown[]) => unknown
  readonly validator: ((...args: unknown[]) => unknown) | undefined
  readonly description: string | undefined
  readonly unfinishedPolicy: HandlerUnfinishedPolicy
}

interface UpdateInProgress {
  readonly id: string
  readonly name: string
  readonly unfinishedPolicy: HandlerUnfinishedPolicy
}

const reservedPrefix = '__temporal_'

/**
 * The update handlers of a run, the updates that wait for one, and those whose handler is running.
 * Made when a run first has to do with updates.
 */
export class UpdateTable {
  readonly handlers = new Map<string, UpdateHandler>()
  /** A validator tried to change the run; see {@link TurnOutcome}. */
  violated = false
  /** Called before an update of this activation is accepted: from then on the turn is one. */
  beforeAccept: ((time: number) => void) | undefined
  readonly #activator: Activator
  #default: DefaultUpdateHandler | undefined
  /** Updates of this activation without a handler: it is set before the activation ends, or they are rejected. */
  readonly #buffered: UpdateInput[] = []
  readonly #inProgress = new Set<UpdateInProgress>()

  constructor(activator: Activator) {
    this.#activator = activator
  }

  set(name: string, handler: UpdateHandler | undefined): void {
    this.#activator.assertWritable()
    if (handler === undefined) {
      this.handlers.delete(name)
      return
    }
    this.handlers.set(name, handler)
    this.#drain()
  }

  setDefault(handler: DefaultUpdateHandler | undefined): void {
    this.#activator.assertWritable()
    this.#default = handler
    if (handler) this.#drain()
  }

  /** A handler may set and unset handlers; so after each update the buffer is looked at anew. */
  #drain(): void {
    for (;;) {
      const at = this.#default
        ? 0
        : this.#buffered.findIndex((update) => this.handlers.has(update.name))
      const [update] = at < 0 ? [] : this.#buffered.splice(at, 1)
      if (update === undefined) return
      this.dispatch(update)
    }
  }

  /** Accept or reject an update and run its handler up to its first await, or keep it until there is one. */
  dispatch(update: UpdateInput): void {
    const { name } = update
    const entry = this.handlers.get(name)
    if (entry === undefined && this.#default === undefined) {
      this.#buffered.push(update)
      return
    }
    if (entry === undefined && name.startsWith(reservedPrefix)) {
      // Temporal fails the turn for it; but what a client sends must not hold the run up.
      const message = `Cannot use update name: '${name}', with reserved prefix: '${reservedPrefix}'`
      this.#reject(update, new TypeError(message))
      return
    }
    runInUpdate({ id: update.updateId, name }, () => this.#handle(update, entry))
  }

  #handle(update: UpdateInput, entry: UpdateHandler | undefined): void {
    const { seq, updateId, name } = update
    let args: unknown[]
    try {
      this.#validate(update, entry?.validator)
      // Converted again: the handler must not see what the validator did to its arguments.
      args = fromPayloads(update.args)
    } catch (error) {
      this.#reject(update, error)
      return
    }
    this.beforeAccept?.(update.time)
    this.#activator.push({ kind: 'acceptUpdate', seq, updateId })
    const execution = {
      id: updateId,
      name,
      unfinishedPolicy: entry?.unfinishedPolicy ?? HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    }
    this.#inProgress.add(execution)
    const handler =
      entry?.handler ?? ((...given: unknown[]): unknown => this.#default?.(name, ...given))
    const handle = composeInterceptors(this.#inbound(name), 'handleUpdate', (input) =>
      // As many steps as there are in Temporal's chain around a handler.
      callHandler(() => handler(...input.args)),
    )
    void startHandler(() => handle(this.#input(update, args)))
      .then((result) =>
        this.#complete(update, { result: returnedPayload(result, 'result of update', name) }),
      )
      .catch((error: unknown) => {
        if (error instanceof TemporalFailure || isFailureType(this.#activator, error)) {
          this.#complete(update, { failure: errorToFailure(ensureTemporalFailure(error)) })
        } else this.#activator.fail(error)
      })
      .finally(() => this.#inProgress.delete(execution))
  }

  /**
   * Guarantee: a validator changes nothing. Replay does not run it, so what it did to the run would be
   * missing then; a command, a wait or a promise from one rejects the update. Random numbers that it
   * draws are put back.
   */
  #validate(update: UpdateInput, validator: UpdateHandler['validator']): void {
    const activator = this.#activator
    if (validator === undefined || activator.replaying) return
    const random = activator.saveRandom()
    const { readOnly, violated } = activator
    activator.readOnly = 'validator'
    activator.violated = false
    try {
      let result: unknown
      const validate = composeInterceptors(
        this.#inbound(update.name),
        'validateUpdate',
        (input) => {
          result = validator(...input.args)
        },
      )
      validate(this.#input(update, fromPayloads(update.args)))
      if (result instanceof Promise) {
        // Nobody will await it, and what it does later is not read only any more.
        result.catch(() => {})
        activator.violated = true
        throw new DeterminismViolationError('Update validators should not return a Promise')
      }
      if (activator.violated) activator.assertWritable()
    } finally {
      if (activator.violated) this.violated = true
      activator.readOnly = readOnly
      activator.violated = violated
      activator.restoreRandom(random)
    }
  }

  /** Updates of Temporal's own pass the interceptors by. */
  #inbound(name: string): readonly WorkflowInboundCallsInterceptor[] {
    return isInternal(name) ? [] : (this.#activator.extensions?.interceptors?.inbound ?? [])
  }

  #input({ updateId, name, headers }: UpdateInput, args: unknown[]) {
    return { updateId, name, args, headers: toHeaders(headers) }
  }

  #complete({ seq, updateId }: UpdateInput, outcome: UpdateOutcome): void {
    this.#activator.push({ kind: 'completeUpdate', seq, updateId, outcome })
  }

  #reject({ seq, updateId }: UpdateInput, error: unknown): void {
    const failure = errorToFailure(ensureTemporalFailure(error))
    this.#activator.push({ kind: 'rejectUpdate', seq, updateId, failure })
  }

  /** At the end of an activation: an update does not outlive it without a handler. */
  rejectBuffered(): void {
    for (const update of this.#buffered.splice(0)) {
      const registered = [...this.handlers.keys()].join(' ')
      const message = `No registered handler for update: ${update.name}. Registered updates: [${registered}]`
      this.#reject(update, ApplicationFailure.nonRetryable(message))
    }
  }

  get allFinished(): boolean {
    return this.#inProgress.size === 0
  }

  /** Handlers that a closing workflow abandons, without those that were said to be fine. */
  unfinishedToWarnOf(): { readonly name: string; readonly id: string }[] {
    return [...this.#inProgress]
      .filter(({ unfinishedPolicy }) => unfinishedPolicy !== HandlerUnfinishedPolicy.ABANDON)
      .map(({ name, id }) => ({ name, id }))
  }

  /** A failing workflow abandons its handlers without a warning. */
  forgetUnfinished(): void {
    this.#inProgress.clear()
  }
}

function isInternal(name: string): boolean {
  return (
    name.startsWith(reservedPrefix) || name === '__stack_trace' || name === '__enhanced_stack_trace'
  )
}

/** An interceptor that throws at once has failed the update no less than one that rejects. */
function startHandler(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}

async function callHandler(call: () => unknown): Promise<unknown> {
  return await call()
}
