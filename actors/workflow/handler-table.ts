import { fromPayloads } from '../payload-converter.ts'
import type { Payload, PayloadMap } from '../payload.ts'
import type { Activator } from './activator.ts'
import { HandlerUnfinishedPolicy } from './handler-unfinished-policy.ts'
import { composeInterceptors, type RunInterceptors, toHeaders } from './interceptors.ts'
import { beginInput } from './progress.ts'

export type AnyHandler = (...args: never[]) => unknown
export type DefaultSignalHandler = (signalName: string, ...args: unknown[]) => void | Promise<void>
export type DefaultQueryHandler = (queryName: string, ...args: unknown[]) => unknown

/** A signal of the mailbox, with its input number. */
export interface SignalInput {
  readonly name: string
  readonly args: readonly Payload[]
  readonly seq: number
  /** For interceptors. */
  readonly headers?: PayloadMap | undefined
}

interface SignalHandler {
  readonly handler: (...args: unknown[]) => unknown
  readonly description: string | undefined
  readonly unfinishedPolicy: HandlerUnfinishedPolicy
}

interface QueryHandler {
  readonly handler: (...args: unknown[]) => unknown
  readonly description: string | undefined
}

interface UnfinishedHandler {
  readonly name: string
  readonly unfinishedPolicy: HandlerUnfinishedPolicy
}

const reservedPrefix = '__temporal_'

let countsSyncHandlers = false

/**
 * Whether code asks `allHandlersFinished`. Only then does a handler that has returned count as running
 * until the microtasks that Temporal's promises around it take; it costs each signal three promises.
 */
export function countSyncHandlers(on: boolean): void {
  countsSyncHandlers = on
}

/** The signal and query handlers of a run, and the signals that wait for one. */
export class HandlerTable {
  readonly queries = new Map<string, QueryHandler>()
  defaultQuery: DefaultQueryHandler | undefined
  /** The input number of the signal whose handler is being called, for channels. */
  currentSignalSeq: number | undefined
  readonly #activator: Activator
  readonly signals = new Map<string, SignalHandler>()
  #defaultSignal: DefaultSignalHandler | undefined
  /** Signals without a handler, in the order of the mailbox. */
  #buffered: Set<SignalInput> | undefined
  #unfinished: Set<UnfinishedHandler> | undefined
  readonly #carriedSources: (() => readonly number[])[] = []
  // Grows with every change of handlers: a drain in progress then starts over.
  #version = 0

  constructor(activator: Activator) {
    this.#activator = activator
  }

  setSignal(
    name: string,
    handler: AnyHandler | undefined,
    description?: string,
    unfinishedPolicy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
  ): void {
    this.#activator.assertWritable()
    this.#version++
    if (handler === undefined) {
      this.signals.delete(name)
      return
    }
    this.signals.set(name, {
      handler: handler as SignalHandler['handler'],
      description,
      unfinishedPolicy,
    })
    this.#drain()
  }

  setDefaultSignal(handler: DefaultSignalHandler | undefined): void {
    this.#activator.assertWritable()
    this.#version++
    this.#defaultSignal = handler
    if (handler) this.#drain()
  }

  /** Give a signal to its handler, or keep it until there is one. */
  dispatch(signal: SignalInput): void {
    const entry = this.signals.get(signal.name)
    if (entry === undefined) {
      if (this.#defaultSignal === undefined) {
        this.#buffered ??= new Set()
        this.#buffered.add(signal)
        return
      }
      if (signal.name.startsWith(reservedPrefix)) {
        throw new TypeError(
          `Cannot use signal name: '${signal.name}', with reserved prefix: '${reservedPrefix}'`,
        )
      }
    }
    const args = fromPayloads(signal.args)
    const interceptors = this.#activator.extensions?.interceptors
    const outer = this.currentSignalSeq
    this.currentSignalSeq = signal.seq
    try {
      if (interceptors === undefined) this.#call(entry, signal.name, args)
      else this.#call(this.#intercepted(interceptors, entry, signal), signal.name, args)
    } finally {
      this.currentSignalSeq = outer
    }
  }

  /** A handler that is the chain of interceptors with the signal's own handler at its end. */
  #intercepted(
    { inbound }: RunInterceptors,
    entry: SignalHandler | undefined,
    { name, headers }: SignalInput,
  ): SignalHandler {
    const handle = composeInterceptors(inbound, 'handleSignal', async ({ signalName, args }) => {
      await this.#invoke(this.signals.get(signalName), signalName, args)
    })
    return {
      handler: (...args) => handle({ signalName: name, args, headers: toHeaders(headers) }),
      description: entry?.description,
      unfinishedPolicy: entry?.unfinishedPolicy ?? HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    }
  }

  #call(entry: SignalHandler | undefined, name: string, args: unknown[]): void {
    const policy = entry?.unfinishedPolicy ?? HandlerUnfinishedPolicy.WARN_AND_ABANDON
    if (countsSyncHandlers) {
      const execution = { name, unfinishedPolicy: policy }
      this.#unfinished ??= new Set()
      this.#unfinished.add(execution)
      this.#follow(
        execution,
        callHandler(() => this.#invoke(entry, name, args)),
      )
      return
    }
    let result: unknown
    try {
      result = this.#invoke(entry, name, args)
    } catch (error) {
      this.#follow({ name, unfinishedPolicy: policy }, Promise.reject(error))
      return
    }
    if (!isThenable(result)) return
    const pending = result
    const execution = { name, unfinishedPolicy: policy }
    this.#unfinished ??= new Set()
    this.#unfinished.add(execution)
    this.#follow(
      execution,
      callHandler(() => pending),
    )
  }

  #invoke(entry: SignalHandler | undefined, name: string, args: unknown[]): unknown {
    if (entry === undefined) return this.#defaultSignal?.(name, ...args)
    const { handler } = entry
    return args.length === 1 ? handler(args[0]) : handler(...args)
  }

  #follow(execution: UnfinishedHandler, outcome: Promise<unknown>): void {
    void outcome
      .catch((error: unknown) => this.#activator.fail(error))
      .finally(() => this.#unfinished?.delete(execution))
  }

  /**
   * Give waiting signals to the handlers that there are now, in the order of the mailbox. A handler
   * may set and unset handlers; so after each change the buffer is looked at from its start.
   */
  #drain(): void {
    for (;;) {
      const version = this.#version
      let changed = false
      for (const signal of this.#buffered ?? []) {
        if (this.#defaultSignal === undefined && !this.signals.has(signal.name)) continue
        this.#buffered?.delete(signal)
        beginInput()
        this.dispatch(signal)
        if (this.#version !== version) {
          changed = true
          break
        }
      }
      if (!changed) return
    }
  }

  get allFinished(): boolean {
    return this.#unfinished === undefined || this.#unfinished.size === 0
  }

  /** Handlers that a closing workflow abandons, by name, without those that were said to be fine. */
  unfinishedToWarnOf(): { readonly name: string; readonly count: number }[] {
    const counts = new Map<string, number>()
    for (const { name, unfinishedPolicy } of this.#unfinished ?? []) {
      if (unfinishedPolicy === HandlerUnfinishedPolicy.ABANDON) continue
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return [...counts].map(([name, count]) => ({ name, count }))
  }

  /** A failing workflow abandons its handlers without a warning. */
  forgetUnfinished(): void {
    this.#unfinished = undefined
  }

  /** Have `source` asked which signals nobody has taken yet, when the run continues as new. */
  addCarriedSource(source: () => readonly number[]): void {
    this.#carriedSources.push(source)
  }

  /** The names of signals that wait for a handler. */
  bufferedNames(): string[] {
    return [...(this.#buffered ?? [])].map((signal) => signal.name)
  }

  /** Signals that wait for a handler, by name. */
  unhandled(): readonly { readonly name: string; readonly count: number }[] {
    // As almost always.
    if (this.#buffered === undefined || this.#buffered.size === 0) return []
    const counts = new Map<string, number>()
    for (const { name } of this.#buffered) counts.set(name, (counts.get(name) ?? 0) + 1)
    return [...counts].map(([name, count]) => ({ name, count }))
  }

  /** The input numbers of signals that nobody has taken, ascending. */
  carriedSeqs(): number[] {
    const seqs = [...(this.#buffered ?? [])].map((signal) => signal.seq)
    for (const source of this.#carriedSources) seqs.push(...source())
    return seqs.sort((a, b) => a - b)
  }
}

async function callHandler(call: () => unknown): Promise<unknown> {
  return await call()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
