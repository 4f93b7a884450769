import { fileURLToPath } from 'node:url'
import type { Command } from '../../../actors/commands.ts'
import { InputKind, type ActivityResolution, type Input } from '../../../actors/inputs.ts'
import { fromPayload, toPayload, toPayloads } from '../../../actors/payload-converter.ts'
import { createSandbox } from '../../../actors/sandbox.ts'
import type {
  QueryOutcome,
  Sandbox,
  SandboxSettings,
  TurnOutcome,
  WorkflowBundle,
  WorkflowLogEntry,
} from '../../../actors/turns.ts'
import { bundleWorkflowCode } from '../../../runtime/bundle.ts'

/** The bundle of a file of `workflows/`. */
export function bundleOf(file: string): Promise<WorkflowBundle> {
  const url = new URL(`./workflows/${file}`, import.meta.url)
  return bundleWorkflowCode({ workflowsPath: fileURLToPath(url) })
}

/** A sandbox with runs that a test drives input by input. */
export class Theatre {
  readonly sandbox: Sandbox
  readonly lines: (WorkflowLogEntry & { readonly run: number })[] = []
  #nextRun = 1

  constructor(bundle: WorkflowBundle, settings: SandboxSettings = {}) {
    this.sandbox = createSandbox({
      bundle,
      settings,
      log: (run, entry) => this.lines.push({ run, ...entry }),
    })
  }

  /** A run that has not begun. */
  run(type: string, ...args: unknown[]): Run {
    return new Run(this.sandbox, this.#nextRun++, type, args)
  }

  /** A run after its first turn. */
  start(type: string, ...args: unknown[]): Run {
    const run = this.run(type, ...args)
    run.begin()
    return run
  }
}

export const startTime = 1_700_000_000_000

export class Run {
  readonly number: number
  readonly outcomes: TurnOutcome[] = []
  readonly turns: Input[][] = []
  readonly times: number[] = []
  time = startTime
  replaying = false
  /** Updates that a replay leaves out, by number. */
  skippedSeqs: number[] = []
  runId = '11111111-1111-4111-8111-111111111111'
  readonly #sandbox: Sandbox
  readonly #type: string
  readonly #args: unknown[]
  #seq = 1

  constructor(sandbox: Sandbox, number: number, type: string, args: unknown[]) {
    this.#sandbox = sandbox
    this.number = number
    this.#type = type
    this.#args = args
  }

  get last(): TurnOutcome {
    const outcome = this.outcomes.at(-1)
    if (!outcome) throw new Error('The run has had no turn')
    return outcome
  }

  get commands(): readonly Command[] {
    return this.last.commands
  }

  /** The kinds and numbers of the last turn's commands. */
  get asked(): string[] {
    return this.commands.map((command) =>
      'seq' in command ? `${command.kind} ${command.seq}` : command.kind,
    )
  }

  /** The result of a run that has completed. */
  get result(): unknown {
    const command = this.commands.at(-1)
    if (command?.kind !== 'completeWorkflow') {
      throw new Error(`Not completed: ${JSON.stringify(this.last)}`)
    }
    return fromPayload(command.result)
  }

  /** The first turn, with signals that came together with the start. */
  begin(...signals: Input[]): TurnOutcome {
    return this.turn(
      [
        InputKind.started,
        this.time,
        {
          namespace: 'default',
          workflowId: `workflow-${this.number}`,
          runId: this.runId,
          workflowType: this.#type,
          taskQueue: 'queue',
          args: toPayloads(this.#args),
          firstExecutionRunId: this.runId,
          attempt: 1,
          taskTimeoutMs: 10_000,
          memo: { note: '"memo"' },
        },
      ],
      ...signals,
    )
  }

  /** One activation of these inputs. */
  turn(...inputs: Input[]): TurnOutcome {
    const outcome = this.#sandbox.activate(this.number, {
      firstSeq: this.#seq,
      inputs,
      time: this.time,
      replaying: this.replaying,
      historyLength: this.#seq * 4,
      historySize: this.#seq * 100,
      continueAsNewSuggested: false,
      hasUpdates: inputs.some(([kind]) => kind === InputKind.updateRequested),
      skippedSeqs: this.skippedSeqs,
    })
    this.#seq += inputs.length
    this.turns.push(inputs)
    this.times.push(this.time)
    this.outcomes.push(outcome)
    return outcome
  }

  signal(name: string, ...args: unknown[]): TurnOutcome {
    this.time += 1
    return this.turn(signal(name, ...args))
  }

  fire(timer: number, afterMs = 1000): TurnOutcome {
    this.time += afterMs
    return this.turn([InputKind.timerFired, this.time, timer])
  }

  resolve(activity: number, resolution: ActivityResolution): TurnOutcome {
    this.time += 1
    return this.turn([InputKind.activityResolved, this.time, activity, resolution])
  }

  complete(activity: number, result: unknown): TurnOutcome {
    return this.resolve(activity, { status: 'completed', result: toPayload(result), attempt: 1 })
  }

  cancel(): TurnOutcome {
    this.time += 1
    return this.turn([InputKind.cancelRequested, this.time, {}])
  }

  ask(name: string, ...args: unknown[]): QueryOutcome & { readonly dirty?: boolean } {
    return this.#sandbox.query(this.number, { queryType: name, args: toPayloads(args) })
  }

  /** The answer to a query that must succeed. */
  query(name: string, ...args: unknown[]): unknown {
    const outcome = this.ask(name, ...args)
    if ('failure' in outcome) throw new Error(outcome.failure.message)
    return fromPayload(outcome.result)
  }
}

export function signal(name: string, ...args: unknown[]): Input {
  return [InputKind.signaled, startTime, name, toPayloads(args)]
}

/**
 * Run `body` outside of any microtask, as a slot does. A sandbox made there shares the thread's queue
 * of microtasks; one made in a test, which is a microtask itself, has a queue of its own.
 */
export function inMacrotask<T>(body: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(body())
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}

export function update(id: string, name: string, ...args: unknown[]): Input {
  return [InputKind.updateRequested, startTime, id, name, toPayloads(args)]
}

/** After the macrotask in which a promise was left floating. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve))
  })
}
