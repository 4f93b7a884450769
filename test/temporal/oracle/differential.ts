import { isDeepStrictEqual } from 'node:util'
import { InputKind, type Input, type LocalActivityResolution } from '../../../actors/inputs.ts'
import { signal, startTime, type Theatre, update } from '../../actors/sandbox/harness.ts'
import { toPayload, toPayloads } from '../../../actors/payload-converter.ts'
import { toProtoPayload } from '../../../actors/proto-payload.ts'
import type { Case, Event } from '../fixtures/programs.ts'
import { EmulatedCore, localJob } from './emulated-core.ts'
import { OurCommandReader } from './our-commands.ts'
import { readable } from './readable.ts'
import type { SdkRun, SdkSandbox } from './sdk-sandbox.ts'
import type { Attributes, Fields } from './turn.ts'

/** One turn as either side had it. */
export interface Outcome {
  readonly jobs: readonly string[]
  readonly commands: readonly Fields[]
  /** What the workflow has written down by now. */
  readonly trace: unknown
  /** Why the turn failed. */
  readonly error?: unknown
}

export interface Compared {
  readonly ours: readonly Outcome[]
  readonly sdk: readonly Outcome[]
}

/** The same thing that happens, in the words of either sandbox. */
interface Told {
  readonly input: Input
  readonly job: Attributes
  /** Signals, then updates, then the rest: the core's order within an activation. */
  readonly rank: number
}

const ENDS = new Set(['complete', 'fail', 'cancelled', 'continueAsNew'])
let runs = 0

/**
 * Perform a case in both sandboxes, turn by turn, until the workflow ends, the turns are used up or
 * the sides differ: from then on they would not be told of the same things.
 *
 * @param tamper for controls: what our sandbox is told instead
 */
export async function perform(
  { program, turns }: Case,
  theatre: Theatre,
  sdk: SdkSandbox,
  tamper: (inputs: readonly Input[]) => readonly Input[] = (inputs) => inputs,
): Promise<Compared> {
  const core = new EmulatedCore()
  const reader = new OurCommandReader('queue')
  const our = theatre.run('interpret', program)
  const their = await sdk.start(`run-${++runs}`, 'interpret', startTime)
  const compared = { ours: [] as Outcome[], sdk: [] as Outcome[] }
  for (const [at, events] of turns.entries()) {
    const time = startTime + at * 10
    const told = events
      .flatMap((event, nth) => tell(event, core, `${at}-${nth}`, time) ?? [])
      // What is under way changes with the turn: the first has only news from outside.
      .toSorted((a, b) => a.rank - b.rank)
    if (at > 0 && told.length === 0) continue
    const jobs = told.map(({ job }) => job)
    if (at === 0) jobs.unshift(startJob(program))

    const theirs = await takeTurn(their, core, jobs, time, at * 4 + 3)
    our.time = time
    const inputs = tamper(told.map(({ input }) => input))
    const { commands, error } = at === 0 ? our.begin(...inputs) : our.turn(...inputs)
    const mine = error
      ? { commands: [], error: error.message, trace: undefined }
      : { commands: reader.read(commands), trace: our.query('trace') }

    const names = jobs.map((job) => JSON.stringify(readable(job)).slice(0, 200))
    compared.sdk.push({ jobs: names, ...theirs })
    compared.ours.push({ jobs: names, ...mine })
    if ('error' in theirs || 'error' in mine) break
    if (!isDeepStrictEqual(plain(theirs), plain(mine))) break
    if (theirs.commands.some(({ kind }) => ENDS.has(kind))) break
  }
  await their.dispose()
  theatre.sandbox.dispose(our.number)
  return compared
}

async function takeTurn(
  run: SdkRun,
  core: EmulatedCore,
  jobs: readonly Attributes[],
  time: number,
  historyLength: number,
): Promise<Omit<Outcome, 'jobs'>> {
  for (let next = jobs; next.length > 0;) {
    core.hand(next)
    const { commands, failure } = await run.activate(next, time, historyLength)
    if (failure) return { commands: [], error: failure['message'], trace: undefined }
    next = core.take(commands)
  }
  const trace = readable(await run.query('trace', time)) as string
  const encoding = 'json/plain '
  if (!trace.startsWith(encoding)) throw new Error(`No trace: ${trace}`)
  return { commands: core.conclude(), trace: JSON.parse(trace.slice(encoding.length)) as unknown }
}

function startJob(program: unknown): Attributes {
  return {
    initializeWorkflow: {
      workflowType: 'interpret',
      workflowId: 'workflow',
      arguments: [toProtoPayload(toPayload(program))],
      randomnessSeed: 1,
      attempt: 1,
    },
  }
}

/** Undefined: there is nothing under way that this could happen to. */
function tell(event: Event, core: EmulatedCore, name: string, time: number): Told | undefined {
  switch (event.kind) {
    case 'signal': {
      const job = { signalWorkflow: { signalName: event.name, input: protoArgs(event.n) } }
      return { input: signal(event.name, event.n), job, rank: 0 }
    }
    case 'update': {
      const job = {
        doUpdate: {
          id: name,
          protocolInstanceId: name,
          name: event.name,
          input: protoArgs(event.n),
          runValidator: true,
          meta: { updateId: name },
        },
      }
      return { input: update(name, event.name, event.n), job, rank: 1 }
    }
    case 'cancel':
      return {
        input: [InputKind.cancelRequested, time, {}],
        job: { cancelWorkflow: { reason: '' } },
        rank: 2,
      }
    case 'timer': {
      const seq = pickOf(core.timers, event.pick)
      if (seq === undefined) return undefined
      core.timers.delete(seq)
      return { input: [InputKind.timerFired, time, seq], job: { fireTimer: { seq } }, rank: 2 }
    }
    case 'activity':
      return endActivity(event, core, time)
    case 'local':
      return endLocal(event, core, time)
    case 'childStart': {
      const starting = [...core.children].filter(([, { isStarted }]) => !isStarted)
      const seq = pickOf(new Map(starting).keys(), event.pick)
      if (seq === undefined) return undefined
      // Mostly they start: without that, nothing more happens to them.
      const runId = event.succeeds || event.pick % 2 === 0 ? `run-of-child-${seq}` : undefined
      return {
        input: [
          InputKind.childStarted,
          time,
          seq,
          runId === undefined ? { cause: 'WORKFLOW_ALREADY_EXISTS' } : { runId },
        ],
        job: core.childStartJob(seq, runId),
        rank: 2,
      }
    }
    case 'child':
      return endChild(event, core, time)
    case 'external':
      return endExternal(event, core, time)
    default:
      return event satisfies never
  }
}

type Ends = Extract<Event, { kind: 'activity' | 'child' }>

const noFailure = { message: 'no', applicationFailureInfo: { type: 'No', nonRetryable: false } }

function endActivity({ pick, ends }: Ends, core: EmulatedCore, time: number): Told | undefined {
  const seq = pickOf(core.activities.keys(), pick)
  if (seq === undefined) return undefined
  const result = toPayload(pick)
  if (ends === 'completed') {
    return {
      input: [InputKind.activityResolved, time, seq, { status: ends, result, attempt: 1 }],
      job: core.activityJob(seq, ends, toProtoPayload(result)),
      rank: 2,
    }
  }
  const isCancelled = ends === 'cancelled' && core.activities.get(seq)?.isCancelRequested === true
  const status = isCancelled ? 'cancelled' : 'failed'
  const failure = isCancelled ? { message: '', canceledFailureInfo: {} } : noFailure
  return {
    input: [InputKind.activityResolved, time, seq, { status, failure, attempt: 1 }],
    job: core.activityJob(seq, status, failure),
    rank: 2,
  }
}

function endLocal(
  { pick, ends }: Extract<Event, { kind: 'local' }>,
  core: EmulatedCore,
  time: number,
): Told | undefined {
  const seq = pickOf(core.locals.keys(), pick)
  const activity = seq === undefined ? undefined : core.locals.get(seq)
  if (seq === undefined || activity === undefined) return undefined
  core.locals.delete(seq)
  const { attempt, isCancelRequested } = activity
  const told = (resolution: LocalActivityResolution, result: Attributes): Told => ({
    input: [InputKind.localActivityResolved, time, seq, resolution],
    job: localJob(seq, result),
    // The core hands them over last.
    rank: 3,
  })
  if (ends === 'completed') {
    const result = toPayload(pick)
    const completed = { result: toProtoPayload(result) }
    return told({ status: ends, result, attempt }, { completed })
  }
  if (ends === 'backoff') {
    const backoff = {
      attempt: attempt + 1,
      backoffDuration: { seconds: 15, nanos: 0 },
      originalScheduleTime: { seconds: startTime / 1_000, nanos: 0 },
    }
    const [delayMs, originalScheduleTime] = [15_000, startTime]
    const failed = { failure: noFailure, attempt, delayMs, originalScheduleTime }
    return told({ status: ends, ...failed }, { backoff })
  }
  const isCancelled = ends === 'cancelled' && isCancelRequested
  const status = isCancelled ? 'cancelled' : 'failed'
  const failure = isCancelled ? { message: 'cancelled', canceledFailureInfo: {} } : noFailure
  return told({ status, failure, attempt }, { [status]: { failure } })
}

function endChild({ pick, ends }: Ends, core: EmulatedCore, time: number): Told | undefined {
  const started = [...core.children].filter(([, { isStarted }]) => isStarted)
  const seq = pickOf(new Map(started).keys(), pick)
  if (seq === undefined) return undefined
  const result = toPayload(pick)
  const resolution =
    ends === 'completed'
      ? ({ status: ends, result } as const)
      : ends === 'failed'
        ? ({ status: ends, failure: noFailure, retryState: 'NON_RETRYABLE_FAILURE' } as const)
        : ({ status: ends } as const)
  return {
    input: [InputKind.childResolved, time, seq, resolution],
    job: core.childJob(seq, ends, ends === 'completed' ? toProtoPayload(result) : noFailure),
    rank: 2,
  }
}

function endExternal(
  { pick, succeeds }: Extract<Event, { kind: 'childStart' | 'external' }>,
  core: EmulatedCore,
  time: number,
): Told | undefined {
  const cause = succeeds ? undefined : 'EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND'
  const failed = (message: string): Attributes =>
    succeeds
      ? {}
      : {
          failure: {
            message,
            applicationFailureInfo: { type: 'ExternalWorkflowExecutionNotFound' },
          },
        }
  const sent = pickOf(core.signals, pick)
  if (sent !== undefined) {
    core.signals.delete(sent)
    const why = failed('Unable to signal external workflow because it was not found')
    return {
      input: [InputKind.externalSignalResolved, time, sent, cause],
      job: { resolveSignalExternalWorkflow: { seq: sent, ...why } },
      rank: 2,
    }
  }
  const seq = pickOf(core.cancels, pick)
  if (seq === undefined) return undefined
  core.cancels.delete(seq)
  const why = failed('Unable to cancel external workflow because not found')
  return {
    input: [InputKind.externalCancelResolved, time, seq, 'external', cause],
    job: { resolveRequestCancelExternalWorkflow: { seq, ...why } },
    rank: 2,
  }
}

/** Without the realms that the values come from. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown
}

function pickOf(keys: Iterable<number>, pick: number): number | undefined {
  const all = [...keys]
  return all[pick % all.length]
}

function protoArgs(n: number): readonly unknown[] {
  return toPayloads([n]).map(toProtoPayload)
}
