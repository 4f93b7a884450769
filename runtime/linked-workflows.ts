import type { SignalExternalCommand, StartChildCommand } from '../actors/commands.ts'
import { bytesOfCommand } from '../actors/history-length.ts'
import {
  type ChildResolution,
  type ExecutionRef,
  type ExternalFailureCause,
  InputKind,
  type TerminatedInput,
} from '../actors/inputs.ts'
import { decode, encode } from '../actors/records.ts'
import type { Acceptor } from './acceptor.ts'
import type { ChildLink } from './child-link.ts'
import type { Committer } from './committer.ts'
import type { Journal } from './journal.ts'
import type { LinkedCommand, LinkedEffect, LinkedInput } from './linked-effect.ts'
import type { Logger } from './logger.ts'
import { commandOf, ownerOf } from './reset-heir.ts'
import { firstBackoff } from './first-backoff.ts'
import type { PendingCounts } from './pending-limits.ts'
import { childLinkKey, heldEffectKey, heldEffectOfKey, heldEffectRange } from './row-keys.ts'
import type { Run } from './run.ts'
import { createRunId, runOfRunId } from './run-id.ts'
import type { RunTable } from './run-table.ts'

export interface LinkedWorkflowsPorts {
  readonly journal: Journal
  readonly runs: RunTable
  readonly acceptor: Acceptor
  readonly committer: Committer
  readonly logger: Logger
  /** Close a run at once, past its mailbox. */
  readonly terminate: (run: Run, input: TerminatedInput) => void
}

/** How many children are told in one macrotask that their parents have closed; the others in later ones. */
const CHILDREN_PER_SLICE = 1_000

const NOT_FOUND: ExternalFailureCause = 'EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND'

/**
 * What workflows do to each other: children, signals, cancellations, and the news of them.
 *
 * Guarantee: an effect on another workflow is in the same transaction as the command that causes it,
 * and so is the news of it for the workflow that caused it. After a crash there is one child per
 * command, one signal per command and one piece of news of each, or nothing at all of the turn. Only
 * where the target is closing, so that it is not known yet who is to get it, the effect itself is
 * written instead, in order, and is done together with its removal once the close is decided.
 *
 * Nothing here is refused for want of room: what a workflow sends draws on a reserve.
 */
export class LinkedWorkflows {
  readonly #ports: LinkedWorkflowsPorts
  #nextHeld = 1
  /** Runs that have closed and whose children have not been told. */
  #closed: Run[] = []
  #tellingChildren = false
  #toldChildren = 0
  /** Parent close policies that are written down, by their order, and done slice by slice. */
  #deferred: (readonly [order: number, effect: LinkedEffect])[] = []
  #stopped = false
  /** How many effects that are written down, and not done, are of a run. */
  readonly #owed = new Map<number, number>()
  /** Effects that are held back, by the run that they are of: they count against its limits. */
  readonly #heldOf = new Map<number, { signals: number; cancels: number }>()

  constructor(ports: LinkedWorkflowsPorts) {
    this.#ports = ports
  }

  /** At open: do what was held back when the process ended. Nothing is closing then. */
  recover(): void {
    const { journal, committer } = this.#ports
    const held = [...journal.rows(heldEffectRange())].map(
      ([key, value]) => [heldEffectOfKey(key), decode<LinkedEffect>(value)] as const,
    )
    for (const [order, effect] of held) {
      this.#nextHeld = Math.max(this.#nextHeld, order + 1)
      if (effect.kind === 'parentClosed') {
        this.#scheduleDeferred(order, effect)
        continue
      }
      committer.deleteRow(heldEffectKey(order))
      this.#perform(effect)
    }
  }

  /** Do nothing more by itself; what is left is written down. */
  stop(): void {
    this.#stopped = true
  }

  /**
   * A linked command of a turn that is being committed. `closes` says that the run ends with the same
   * commit: then it gets no more news.
   */
  apply(run: Run, command: LinkedCommand, closes: boolean): void {
    this.#perform({ kind: 'command', from: run.key, command }, closes)
  }

  /** Is the run, closed as it may be, the one that an effect is of which is still to be done? */
  needs(run: number): boolean {
    return this.#owed.has(run)
  }

  /** What the run has under way. */
  pending(run: Run): Omit<PendingCounts, 'activities'> {
    const held = this.#heldOf.get(run.key)
    return {
      children: run.childCount,
      signals: held?.signals ?? 0,
      cancels: held?.cancels ?? 0,
    }
  }

  /** A run's chain has ended: tell the run that started it. */
  ended(child: Run, resolution: ChildResolution): void {
    const { parent } = child.row
    if (parent === undefined) return
    const input = [InputKind.childResolved, 0, parent.seq, resolution] as const
    this.#perform({ kind: 'news', to: runOfRunId(parent.runId), input })
  }

  /**
   * A run has closed, whatever the way: its parent close policy. Children of children follow in turn,
   * not one inside the other, however deep they are. Of a great family the first ones are told in the
   * transaction of the close; that others are to be told is written there, and done a little later.
   */
  closed(run: Run): void {
    if (run.childCount === 0) return
    this.#closed.push(run)
    if (this.#tellingChildren) return
    this.#tellingChildren = true
    this.#toldChildren = 0
    try {
      for (let next = this.#closed.shift(); next !== undefined; next = this.#closed.shift()) {
        this.#tellChildren(next)
      }
    } finally {
      this.#tellingChildren = false
    }
  }

  #tellChildren(run: Run): void {
    const links = [...run.children]
    run.forgetChildren()
    for (const link of links) {
      this.#ports.committer.deleteRow(childLinkKey(run.key, link.seq))
      if (link.parentClosePolicy === 'ABANDON') continue
      const effect = { kind: 'parentClosed', from: run.key, link } as const
      if (++this.#toldChildren <= CHILDREN_PER_SLICE) this.#perform(effect)
      else this.#defer(effect)
    }
  }

  #defer(effect: LinkedEffect): void {
    const order = this.#nextHeld++
    this.#ports.committer.putRow(heldEffectKey(order), encode(effect))
    this.#scheduleDeferred(order, effect)
  }

  #scheduleDeferred(order: number, effect: LinkedEffect): void {
    this.#owe(effect, 1)
    this.#deferred.push([order, effect])
    if (this.#deferred.length === 1) setImmediate(() => this.#performDeferred())
  }

  #performDeferred(): void {
    const { committer } = this.#ports
    if (this.#stopped || committer.poisoned !== undefined) return
    const slice = this.#deferred.splice(0, CHILDREN_PER_SLICE)
    // Before the slice is done, since that may defer more.
    if (this.#deferred.length > 0) setImmediate(() => this.#performDeferred())
    for (const [order, effect] of slice) {
      this.#owe(effect, -1)
      committer.deleteRow(heldEffectKey(order))
      this.#perform(effect)
    }
  }

  #owe(effect: LinkedEffect, by: number): void {
    // News has in it all that it tells.
    if (effect.kind === 'news') return
    const count = (this.#owed.get(effect.from) ?? 0) + by
    if (count === 0) this.#owed.delete(effect.from)
    else this.#owed.set(effect.from, count)
  }

  #perform(effect: LinkedEffect, closes = false): void {
    switch (effect.kind) {
      case 'news':
        this.#news(effect)
        return
      case 'parentClosed':
        this.#parentClosed(effect)
        return
      case 'command': {
        const sender = this.#owner(effect.from, effect.command)
        if (sender === undefined) return
        this.#act(sender, effect.command, closes, effect)
        return
      }
      default:
        effect satisfies never
    }
  }

  #act(sender: Run, command: LinkedCommand, closes: boolean, effect: LinkedEffect): void {
    const target = this.#targetOf(sender, command)
    if (target?.closing !== undefined && target !== sender) {
      this.#hold(target, effect)
      return
    }
    const news = this.#newsOf(sender, target, command)
    if (!closes) this.#perform({ kind: 'news', to: sender.key, input: news })
  }

  #newsOf(sender: Run, target: Run | undefined, command: LinkedCommand): LinkedInput {
    const { seq } = command
    switch (command.kind) {
      case 'startChildWorkflow': {
        const runId = this.#startChild(sender, target, command)
        return runId === undefined
          ? [InputKind.childStarted, 0, seq, { cause: 'WORKFLOW_ALREADY_EXISTS' }]
          : [InputKind.childStarted, 0, seq, { runId }]
      }
      case 'signalExternalWorkflow':
        return this.#signal(sender, target, command)
          ? [InputKind.externalSignalResolved, 0, seq]
          : [InputKind.externalSignalResolved, 0, seq, NOT_FOUND]
      case 'cancelChildWorkflow':
      case 'cancelExternalWorkflow': {
        const of = command.kind === 'cancelChildWorkflow' ? 'child' : 'external'
        if (target === undefined) return [InputKind.externalCancelResolved, 0, seq, of, NOT_FOUND]
        const requestId = `${sender.row.runId}/${command.kind}/${seq}`
        this.#cancel(target, { requestId, external: executionOf(sender) })
        return [InputKind.externalCancelResolved, 0, seq, of]
      }
      default:
        return command satisfies never
    }
  }

  /** The run that a command is for, or the one that has its workflow id. */
  #targetOf(sender: Run, command: LinkedCommand): Run | undefined {
    const { runs } = this.#ports
    const { namespace } = sender.row
    const { workflowId } = command
    const current = (): Run | undefined => this.#read(() => runs.current(namespace, workflowId))
    switch (command.kind) {
      case 'startChildWorkflow':
        return current()
      case 'cancelChildWorkflow':
        return onlyChild(current(), sender, command.seq)
      default: {
        // A workflow cannot signal or cancel itself from outside, as on Temporal's server.
        if (workflowId === sender.row.workflowId) return undefined
        const { runId } = command
        if (runId !== undefined) {
          return this.#read(() => runs.byRunId(namespace, workflowId, runId))
        }
        const target = current()
        const childOnly = command.kind === 'signalExternalWorkflow' && command.childOnly === true
        return childOnly ? onlyChild(target, sender) : target
      }
    }
  }

  /** @returns the run id, or undefined if the workflow id is taken */
  #startChild(
    sender: Run,
    current: Run | undefined,
    command: StartChildCommand,
  ): string | undefined {
    const { runs, acceptor, committer } = this.#ports
    // It waited for a close to be decided, and meanwhile the run that wants it has closed.
    if (!sender.isOpen && command.parentClosePolicy !== 'ABANDON') return undefined
    if (current !== undefined && !this.#makesRoom(sender, current, command)) return undefined
    const { row } = sender
    const now = this.#ports.acceptor.now
    const key = runs.allocateKey()
    const runId = createRunId(key, now)
    const { executionTimeoutMs } = command
    const firstTaskBackoffMs = firstBackoff(command, now)
    acceptor.createRun(key, bytesOfCommand(command), now, [], {
      namespace: row.namespace,
      workflowId: command.workflowId,
      runId,
      workflowType: command.workflowType,
      taskQueue: command.taskQueue,
      args: command.args,
      firstExecutionRunId: runId,
      attempt: 1,
      taskTimeoutMs: command.taskTimeoutMs ?? 10_000,
      requestId: `${row.runId}/child/${command.seq}`,
      parent: { ...executionOf(sender), seq: command.seq },
      root: row.root ?? executionOf(sender),
      ...(executionTimeoutMs === undefined
        ? {}
        : { executionTimeoutMs, executionExpirationTime: now + executionTimeoutMs }),
      ...(command.runTimeoutMs === undefined ? {} : { runTimeoutMs: command.runTimeoutMs }),
      ...(command.retryPolicy === undefined ? {} : { retryPolicy: command.retryPolicy }),
      ...(command.cronSchedule === undefined ? {} : { cronSchedule: command.cronSchedule }),
      ...(firstTaskBackoffMs === undefined ? {} : { firstTaskBackoffMs }),
      ...(command.memo === undefined ? {} : { memo: command.memo }),
      ...(command.searchAttributes === undefined
        ? {}
        : { searchAttributes: command.searchAttributes }),
      ...(command.headers === undefined ? {} : { headers: command.headers }),
    })
    if (!sender.isOpen) return runId
    const link: ChildLink = {
      seq: command.seq,
      workflowId: command.workflowId,
      firstRunId: runId,
      workflowType: command.workflowType,
      parentClosePolicy: command.parentClosePolicy,
    }
    sender.addChild(link)
    committer.putRow(childLinkKey(sender.key, link.seq), encode(link))
    return runId
  }

  /** The id policies; false if the workflow id is taken. */
  #makesRoom(sender: Run, current: Run, command: StartChildCommand): boolean {
    const reuse = command.idReusePolicy ?? 'ALLOW_DUPLICATE'
    if (current.isOpen) {
      // To end what this run hangs from would end this run in the middle of its own commands.
      if (reuse !== 'TERMINATE_IF_RUNNING' || this.#hangsFrom(sender, current)) return false
      this.#terminate(current, 'TerminateIfRunning WorkflowIdReusePolicy')
      return true
    }
    if (reuse === 'REJECT_DUPLICATE') return false
    if (reuse !== 'ALLOW_DUPLICATE_FAILED_ONLY') return true
    return current.row.status !== 'COMPLETED' && current.row.status !== 'CONTINUED_AS_NEW'
  }

  #hangsFrom(run: Run, ancestor: Run): boolean {
    for (let at: Run | undefined = run; at !== undefined;) {
      if (at === ancestor) return true
      const { parent } = at.row
      if (parent === undefined) return false
      at = this.#read(() => this.#ports.runs.byKey(runOfRunId(parent.runId)))
    }
    return false
  }

  #signal(sender: Run, target: Run | undefined, command: SignalExternalCommand): boolean {
    if (target?.isOpen !== true) return false
    const { seq, signalName, args, headers } = command
    this.#ports.acceptor.signalFrom(target, {
      signalName,
      args,
      headers,
      requestId: `${sender.row.runId}/signal/${seq}`,
      external: executionOf(sender),
    })
    return true
  }

  /** Idempotent: nothing is left to be cancelled, or it is under way. */
  #cancel(
    target: Run,
    attributes: { reason?: string; requestId?: string; external?: ExecutionRef },
  ): void {
    if (target.isOpen && !target.row.cancelRequested) {
      this.#ports.acceptor.cancel(target, attributes)
    }
  }

  #terminate(run: Run, reason: string): void {
    this.#ports.terminate(run, [
      InputKind.terminated,
      this.#ports.acceptor.now,
      { reason, identity: 'signalbox' },
    ])
  }

  #parentClosed(effect: Extract<LinkedEffect, { readonly kind: 'parentClosed' }>): void {
    const { runs } = this.#ports
    const { link, from } = effect
    const parent = this.#read(() => runs.byKey(from))
    if (parent === undefined) return
    const current = this.#read(() => runs.current(parent.row.namespace, link.workflowId))
    // Another workflow may have the id by now.
    if (current?.row.firstExecutionRunId !== link.firstRunId) return
    if (current.closing !== undefined) {
      this.#hold(current, effect)
    } else if (current.isOpen) {
      if (link.parentClosePolicy === 'TERMINATE') {
        this.#terminate(current, 'by parent close policy')
      } else {
        this.#cancel(current, { reason: 'by parent close policy', external: executionOf(parent) })
      }
    }
  }

  /** Late news of a closed run's commands is dropped, as late results of activities are. */
  #news(effect: Extract<LinkedEffect, { readonly kind: 'news' }>): void {
    const { acceptor, committer } = this.#ports
    const { to, input } = effect
    const run = this.#owner(to, commandOf(input))
    if (run === undefined) return
    if (run.closing !== undefined) {
      // News of a run whose close is being written comes too late; otherwise it may still want it.
      if (run.isOpen) this.#hold(run, effect)
      return
    }
    if (!run.isOpen) return
    if (input[0] === InputKind.childResolved) {
      if (!run.removeChild(input[2])) return
      committer.deleteRow(childLinkKey(run.key, input[2]))
    }
    acceptor.takeNews(run, input)
  }

  /**
   * The target is closing: write the effect down, and do it once it is known whom it concerns. What one
   * run does to another keeps its order, since everything for a closing run waits in one line.
   */
  #hold(target: Run, effect: LinkedEffect): void {
    const { committer } = this.#ports
    const order = this.#nextHeld++
    committer.putRow(heldEffectKey(order), encode(effect))
    this.#countHeld(effect, 1)
    this.#owe(effect, 1)
    target.held.push(() => {
      if (committer.poisoned !== undefined) return
      this.#countHeld(effect, -1)
      this.#owe(effect, -1)
      committer.deleteRow(heldEffectKey(order))
      this.#perform(effect)
    })
  }

  #countHeld(effect: LinkedEffect, by: number): void {
    if (effect.kind !== 'command') return
    const { from, command } = effect
    const counts = this.#heldOf.get(from) ?? { signals: 0, cancels: 0 }
    if (command.kind === 'signalExternalWorkflow') counts.signals += by
    else if (command.kind === 'cancelExternalWorkflow') counts.cancels += by
    else return
    if (counts.signals + counts.cancels === 0) this.#heldOf.delete(from)
    else this.#heldOf.set(from, counts)
  }

  /** The run that has a command: the one that issued it, unless a reset has given it to another. */
  #owner(key: number, command: Pick<LinkedCommand, 'kind' | 'seq'>): Run | undefined {
    const run = this.#read(() => this.#ports.runs.byKey(key))
    if (run?.row.resetRunId === undefined) return run
    return this.#read(() => ownerOf(this.#ports, run, command))
  }

  /** A run whose record is corrupt is as good as none: its fault must not be that of who calls it. */
  #read(find: () => Run | undefined): Run | undefined {
    try {
      return find()
    } catch (error) {
      this.#ports.logger.error({ err: error }, 'a workflow that another one named cannot be read')
      return undefined
    }
  }
}

function executionOf(run: Run): ExecutionRef {
  return { workflowId: run.row.workflowId, runId: run.row.runId }
}

/** The run if it is a child of `parent`, started by command `seq` if that is given. */
function onlyChild(run: Run | undefined, parent: Run, seq?: number): Run | undefined {
  const ref = run?.row.parent
  if (ref?.runId !== parent.row.runId) return undefined
  return seq === undefined || ref.seq === seq ? run : undefined
}
