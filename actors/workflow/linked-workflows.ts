import type { Command, StartChildCommand } from '../commands.ts'
import { failureToError } from '../failure-converter.ts'
import {
  type ChildResolvedInput,
  type ChildStartedInput,
  type ExternalCancelResolvedInput,
  type ExternalFailureCause,
  type ExternalSignalResolvedInput,
  type Input,
  InputKind,
} from '../inputs.ts'
import { toPayloads } from '../payload-converter.ts'
import type { Activator } from './activator.ts'
import { CancellationScope } from './cancellation-scope.ts'
import {
  composeInterceptors,
  type Headers,
  headersField,
  type SignalWorkflowInput,
} from './interceptors.ts'
import { PendingChild, type Settle } from './pending-child.ts'
import { forgetWait, noteWait } from './stack-traces.ts'

/** Whom a signal is for. */
export interface SignalTarget {
  readonly workflowId: string
  readonly runId?: string | undefined
  /** It must be a child of this run. */
  readonly childOnly?: boolean
}

/** The promises of a child's start and of its end. */
export type StartedChild = [started: Promise<string>, completed: Promise<unknown>]

/**
 * What a run has under way with other workflows: children, signals and cancellations sent. Made when
 * the run first does anything of the kind.
 *
 * The promises are chained as in Temporal, link by link: how many microtasks lie between a result and
 * the code that waits for it decides the order of what that code asks for.
 */
export class LinkedWorkflows {
  readonly #activator: Activator
  readonly #children = new Map<number, PendingChild>()
  readonly #signals = new Map<number, Settle<void> & { readonly end: () => void }>()
  readonly #cancels = new Map<number, Settle<void>>()
  #nextChild = 1
  #nextSignal = 1
  #nextCancel = 1

  constructor(activator: Activator) {
    this.#activator = activator
  }

  /** The number of the next child; taken whether or not the child is started. */
  takeChildSeq(): number {
    return this.#nextChild++
  }

  takeSignalSeq(): number {
    return this.#nextSignal++
  }

  child(seq: number): PendingChild | undefined {
    return this.#children.get(seq)
  }

  forgetChild(seq: number): void {
    this.#children.delete(seq)
  }

  push(command: Command): void {
    this.#activator.push(command)
  }

  withdraw(kind: Command['kind'], seq: number): boolean {
    return this.#activator.withdraw(kind, seq)
  }

  resolveLocally(resolve: () => void): void {
    this.#activator.localResolutions.push(resolve)
  }

  /** For the query of stack traces: code begins to wait for `awaited`, and waits no more. */
  noteWait(awaited: object): void {
    if (this.#activator.extensions !== undefined) noteWait(this.#activator, awaited)
  }

  /** Code begins to wait for the end of a child, unless that has come. */
  noteResult(completed: Promise<unknown>): void {
    if (this.#activator.extensions?.waits === undefined) return
    const isOfChild = [...this.#children.values()].some(({ end }) => end?.promise === completed)
    if (isOfChild) this.noteWait(completed)
  }

  forgetWait(awaited: object): void {
    if (this.#activator.extensions !== undefined) forgetWait(this.#activator, awaited)
  }

  /**
   * Start the child that `make` describes, unless the current scope is cancelled.
   *
   * @param until what the caller goes on to wait for
   */
  startChild(make: () => StartChildCommand, until: 'start' | 'end'): Promise<StartedChild> {
    let child: PendingChild | undefined
    const started = new Promise<string>((resolve, reject) => {
      const scope = CancellationScope.current()
      if (scope.consideredCancelled) {
        scope.register({ cancelled: reject })
        return
      }
      const command = make()
      this.push(command)
      const { namespace } = this.#activator.started
      child = new PendingChild(this, command, scope, namespace, { resolve, reject, until })
      this.noteWait(child)
      if (scope.cancellable) scope.register(child)
      this.#children.set(command.seq, child)
    })
    const completed = new Promise<unknown>((resolve, reject) => {
      started.catch(reject)
      if (child !== undefined) child.end = { resolve, reject }
    })
    if (child?.end) child.end.promise = completed
    // Nobody has to wait for the end.
    completed.catch(() => undefined)
    return new Promise((resolve) => {
      resolve([started, completed])
    })
  }

  signal(seq: number, target: SignalTarget, signalName: string, args: unknown[]): Promise<void> {
    const outbound = this.#activator.extensions?.interceptors?.outbound
    if (outbound === undefined) return this.#signal(seq, target, signalName, args)
    const { workflowId, runId, childOnly } = target
    const send = composeInterceptors(outbound, 'signalWorkflow', (input) =>
      this.#signal(input.seq, targetOf(input), input.signalName, input.args, input.headers),
    )
    return send({
      seq,
      signalName,
      args,
      headers: {},
      target:
        childOnly === true
          ? { type: 'child', childWorkflowId: workflowId }
          : {
              type: 'external',
              workflowExecution: { workflowId, ...(runId === undefined ? {} : { runId }) },
            },
    })
  }

  #signal(
    seq: number,
    target: SignalTarget,
    signalName: string,
    args: unknown[],
    headers?: Headers,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const scope = CancellationScope.current()
      if (scope.consideredCancelled) {
        scope.register({ cancelled: reject })
        return
      }
      const { workflowId, runId, childOnly } = target
      this.push({
        kind: 'signalExternalWorkflow',
        seq,
        workflowId,
        ...(runId === undefined || runId === '' ? {} : { runId }),
        ...(childOnly === true ? { childOnly } : {}),
        signalName,
        args: toPayloads(args),
        ...headersField(headers),
      })
      const pending = { cancelled: () => this.#cancelSignal(seq) }
      if (scope.cancellable) scope.register(pending)
      this.noteWait(pending)
      const end = (): void => {
        this.#signals.delete(seq)
        this.forgetWait(pending)
        if (scope.cancellable) scope.unregister(pending)
      }
      this.#signals.set(seq, { resolve, reject, end })
    })
  }

  /** Only a signal that was not sent yet can be taken back. */
  #cancelSignal(seq: number): void {
    const signal = this.#signals.get(seq)
    if (signal === undefined || !this.withdraw('signalExternalWorkflow', seq)) return
    this.resolveLocally(() => {
      signal.end()
      signal.reject(
        failureToError({
          message: 'Signal was cancelled before being sent',
          canceledFailureInfo: {},
        }),
      )
    })
  }

  cancelExternal(workflowId: string, runId: string | undefined, settle: Settle<void>): void {
    const seq = this.#nextCancel++
    this.push({
      kind: 'cancelExternalWorkflow',
      seq,
      workflowId,
      ...(runId === undefined || runId === '' ? {} : { runId }),
    })
    this.#cancels.set(seq, settle)
    this.noteWait(settle)
  }

  /** True if code of the workflow waits for this input. */
  awaits(input: Input): boolean {
    switch (input[0]) {
      case InputKind.childStarted:
        return this.#children.get(input[2])?.awaitsStart ?? false
      case InputKind.childResolved:
        return this.#children.has(input[2])
      case InputKind.externalSignalResolved:
        return this.#signals.has(input[2])
      case InputKind.externalCancelResolved:
        return input[3] === 'external' && this.#cancels.has(input[2])
      default:
        return false
    }
  }

  resolve(
    input:
      | ChildStartedInput
      | ChildResolvedInput
      | ExternalSignalResolvedInput
      | ExternalCancelResolvedInput,
  ): void {
    switch (input[0]) {
      case InputKind.childStarted:
        this.#children.get(input[2])?.started(input[3])
        break
      case InputKind.childResolved:
        this.#children.get(input[2])?.resolve(input[3])
        break
      case InputKind.externalSignalResolved: {
        const signal = this.#signals.get(input[2])
        signal?.end()
        settle(signal, 'signal', input[3])
        break
      }
      case InputKind.externalCancelResolved: {
        const cancel = this.#cancels.get(input[2])
        this.#cancels.delete(input[2])
        if (cancel !== undefined) this.forgetWait(cancel)
        settle(cancel, 'cancel', input[4])
        break
      }
      default:
        input satisfies never
    }
  }
}

function targetOf({ target }: SignalWorkflowInput): SignalTarget {
  return target.type === 'child'
    ? { workflowId: target.childWorkflowId, childOnly: true }
    : target.workflowExecution
}

function settle(
  pending: Settle<void> | undefined,
  verb: 'signal' | 'cancel',
  cause: ExternalFailureCause | null | undefined,
): void {
  if (pending === undefined) return
  // A missing cause comes back from the journal as null.
  if (cause === undefined || cause === null) {
    pending.resolve()
    return
  }
  pending.reject(
    failureToError({
      message: `Unable to ${verb} external workflow because ${
        verb === 'signal' ? 'it was not found' : 'not found'
      }`,
      applicationFailureInfo: { type: 'ExternalWorkflowExecutionNotFound' },
    }),
  )
}
