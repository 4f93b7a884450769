import { InputKind, type Input } from '../actors/inputs.ts'
import { createSandbox } from '../actors/sandbox.ts'
import type { Sandbox } from '../actors/turns.ts'
import { bundleWorkflowCode } from '../runtime/bundle.ts'
import { benchWorkflowsPath } from './bench-runtime.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { Meter } from './meter.ts'
import type { LoadSize, Measurement } from './measurement.ts'

const run = 1
const turnsPerSlice = 1_000

/**
 * The counter's turns alone, a signal each, without journal or threads: what the sandbox itself can do.
 * As in a slot, turns are done in slices, each from a macrotask. No turn is timed by itself: that would cost
 * a good part of one.
 */
export async function measureTurns(size: LoadSize): Promise<Measurement> {
  const bundle = await bundleWorkflowCode({ workflowsPath: benchWorkflowsPath })
  // In a macrotask: there the sandbox shares the thread's microtasks, as in a slot.
  await macrotask()
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      const turns = new Turns(createSandbox({ bundle, log: () => undefined }))
      turns
        .perform(size.warmUp.operations, size.warmUp.seconds)
        .then(async () => {
          const meter = new Meter()
          const done = await turns.perform(size.operations, size.seconds)
          turns.check()
          return meter.measurement({ ...done, latencies: new LatencyRecorder() })
        })
        .then(resolve, reject)
    })
  })
}

class Turns {
  readonly #sandbox: Sandbox
  readonly #time = Date.now()
  #seq = 0

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox
    this.#turn([
      InputKind.started,
      this.#time,
      {
        namespace: 'default',
        workflowId: 'counter',
        runId: '01890000-0000-7000-8000-000000000001',
        workflowType: 'counter',
        taskQueue: 'bench',
        args: [],
        firstExecutionRunId: '01890000-0000-7000-8000-000000000001',
        attempt: 1,
        taskTimeoutMs: 10_000,
      },
    ])
  }

  /** Signals until either bound is reached. */
  perform(
    operations: number,
    seconds: number,
  ): Promise<{ readonly operations: number; readonly seconds: number }> {
    const started = performance.now()
    const signal: Input = [InputKind.signaled, this.#time, 'add', ['1']]
    let done = 0
    return new Promise((resolve, reject) => {
      const slice = (): void => {
        const turns = Math.min(turnsPerSlice, operations - done)
        try {
          for (let n = 0; n < turns; n++) this.#turn(signal)
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)))
        }
        done += turns
        const elapsed = (performance.now() - started) / 1000
        if (done < operations && elapsed < seconds) setImmediate(slice)
        else resolve({ operations: done, seconds: elapsed })
      }
      setImmediate(slice)
    })
  }

  /** Every signal must have been counted. */
  check(): void {
    const answer = this.#sandbox.query(run, { queryType: 'total', args: [] })
    const signals = String(this.#seq - 1)
    if ('result' in answer && answer.result === signals) return
    throw new Error(`The workflow answers ${JSON.stringify(answer)} after ${signals} signals.`)
  }

  #turn(input: Input): void {
    this.#seq += 1
    const { error } = this.#sandbox.activate(run, {
      firstSeq: this.#seq,
      inputs: [input],
      time: this.#time,
      replaying: false,
      historyLength: this.#seq * 4,
      historySize: this.#seq * 100,
      continueAsNewSuggested: false,
    })
    if (error !== undefined) throw new Error(error.message)
  }
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
