import type { ActivationReport } from './probe.ts'
import { readable } from './readable.ts'
import { CommandReader } from './sdk-commands.ts'
import { jobOfActivation } from './sdk-jobs.ts'
import type { Attributes, Fields, Turn } from './turn.ts'

/** One activation of the SDK's sandbox, as the probe reported it. */
export interface SdkActivation extends ActivationReport {
  readonly commands: readonly Attributes[]
}

export interface ReplayTurns {
  readonly turns: readonly Turn[]
  /** Ids of activities and children that were cancelled without waiting for their outcome. */
  readonly resolvedByCore: ReadonlySet<unknown>
  /** Numbers of the external cancellations that are those of children. */
  readonly childCancels: ReadonlySet<unknown>
}

/**
 * The turns of a run in the SDK's sandbox. One workflow task may be several activations: the core
 * itself resolves what was cancelled without waiting for it, and goes on with the same task.
 */
export function replayTurns(activations: readonly SdkActivation[]): ReplayTurns {
  const turns: Turn[] = []
  const resolvedByCore = new Set<unknown>()
  const reader = new CommandReader()
  for (let at = 0; at < activations.length;) {
    const first = activations[at] as SdkActivation
    const jobs = jobsOf(first, reader)
    const commands = [...first.commands]
    reader.noteLocalActivities(first.commands.map(readableVariant))
    for (at++; activations[at]?.historyLength === first.historyLength; at++) {
      const more = activations[at] as SdkActivation
      for (const job of jobsOf(more, reader)) {
        if (isResolvedByCore(job)) resolvedByCore.add(job['id'])
        else jobs.push(job)
      }
      reader.noteLocalActivities(more.commands.map(readableVariant))
      // Once the run has ended the core drops what code asks for in a further activation of the task.
      if (!reader.ends(commands.map(readableVariant))) commands.push(...more.commands)
    }
    turns.push({
      historyLength: first.historyLength,
      time: first.time,
      jobs,
      commands: reader.read(commands.map(readableVariant)),
    })
  }
  return { turns, resolvedByCore, childCancels: reader.childCancels }
}

function jobsOf({ jobs }: SdkActivation, reader: CommandReader): Fields[] {
  return jobs.map((job) => jobOfActivation(readableVariant(job), reader))
}

function isResolvedByCore(job: Fields): boolean {
  return ['activity', 'child', 'childStart'].includes(job.kind) && 'cancelled' in job
}

/** Which of its variants a message is must stay to be seen, also where that variant has no fields. */
export function readableVariant(message: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, readable(value) ?? {}]),
  )
}
