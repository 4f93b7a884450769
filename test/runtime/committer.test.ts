import { expect, onTestFinished, test } from 'vitest'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { decodeInputs } from '../../actors/records.ts'
import { Committer } from '../../runtime/committer.ts'
import type { Journal, JournalBatch, NewRecord } from '../../runtime/journal.ts'
import { openMemoryJournal } from '../../runtime/journal-memory.ts'
import { Run } from '../../runtime/run.ts'
import { Telemetry } from '../../runtime/telemetry.ts'
import { openRunRow } from '../fixtures/open-run-row.ts'

/** A committer over a journal whose commits end when the test says so. */
class Bench {
  readonly runs = [1, 2, 3].map((key) => new Run(key, 0, openRunRow, 0, 0))
  /** The inputs of each commit, as `run:number:name`. */
  readonly commits: string[][] = []
  readonly delivered: string[] = []
  readonly committer: Committer
  #end: (() => void) | undefined
  #fail: ((error: Error) => void) | undefined
  /** Settles when the commit in flight has. */
  #ended: Promise<unknown> | undefined

  constructor() {
    const memory = openMemoryJournal()
    const commit = async (batch: JournalBatch): Promise<void> => {
      this.commits.push((batch.records ?? []).flatMap((record) => named(record)))
      await new Promise<void>((resolve, reject) => {
        this.#end = resolve
        this.#fail = reject
      })
      await memory.commit(batch)
    }
    const watched = (batch: JournalBatch): Promise<void> => {
      const committed = commit(batch)
      this.#ended = committed.catch(() => undefined)
      return committed
    }
    const journal: Journal = Object.create(memory, { commit: { value: watched } }) as Journal
    this.committer = new Committer(journal, {
      telemetry: new Telemetry(memory, 'nowhere', () => []),
      onInputs: (run, seq, count, bytes) => {
        this.delivered.push(...named({ run: run.key, seq, count, bytes }))
      },
      onCommitted: () => undefined,
      onPoisoned: () => undefined,
    })
    onTestFinished(() => memory.close())
  }

  /** Accept signals to the runs in turn, `from` to `to`; resolves as a sender of the last one does. */
  accept(from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n += 1) {
      const input: Input = [InputKind.signaled, 1, `s${n}`, []]
      this.committer.accept(this.runs[n % this.runs.length] as Run, input, 10)
    }
    return this.committer.durable
  }

  async end(): Promise<void> {
    this.#end?.()
    await this.#ended
    await turnsOfTheEventLoop()
  }

  async fail(): Promise<void> {
    this.#fail?.(new Error('EIO'))
    await this.#ended
    await turnsOfTheEventLoop()
  }
}

function named({ run, seq, count, bytes }: Omit<NewRecord, 'kind'>): string[] {
  const inputs = decodeInputs(bytes)
  expect(inputs).toHaveLength(count)
  return inputs.map((input, i) => `${run}:${seq + i}:${JSON.stringify(input[2])}`)
}

/** So many that whatever follows a commit, the next one included, has begun. */
async function turnsOfTheEventLoop(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

const endOfStack = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** A commit in flight, and what came meanwhile. */
async function busy() {
  const bench = new Bench()
  const told: string[] = []
  const tell = (name: string, promise: Promise<void>): void => {
    promise.then(
      () => told.push(name),
      (error: { code?: string }) => told.push(`${name} ${error.code}`),
    )
  }
  tell('first', bench.accept(0, 0))
  await endOfStack()
  tell('second', bench.accept(1, 9))
  await turnsOfTheEventLoop()
  tell('third', bench.accept(10, 30))
  expect(bench.commits.map((inputs) => inputs.length)).toEqual([1])
  return { bench, told }
}

test('what comes while a commit is in flight is one batch, numbered in the order of its coming', async () => {
  const { bench, told } = await busy()
  await bench.end()
  expect(told).toEqual(['first'])
  expect(bench.committer.isIdle).toBe(false)
  await bench.end()
  expect(told).toEqual(['first', 'second', 'third'])
  expect(bench.commits.map((inputs) => inputs.length)).toEqual([1, 30])
  expect(bench.committer.isIdle).toBe(true)
  expect(bench.committer.uncommittedBytes).toBe(0)

  expect(bench.delivered).toEqual(bench.commits.flat())
  for (const run of [1, 2, 3]) {
    const own = bench.delivered.filter((name) => name.startsWith(`${run}:`))
    const sent = Array.from({ length: 31 }, (_, n) => n).filter((n) => n % 3 === run - 1)
    expect(own).toEqual(sent.map((n, i) => `${run}:${i + 1}:"s${n}"`))
  }
})

test('everything accepted is durable only when the last of the batches is', async () => {
  const { bench } = await busy()
  let isDurable = false
  void bench.committer.allDurable.then(() => (isDurable = true))
  for (const expected of [false, true]) {
    await bench.end()
    expect(isDurable).toBe(expected)
  }
  await bench.committer.drain()
})

test('after a failed commit nothing that waited behind it is written', async () => {
  const { bench, told } = await busy()
  await bench.fail()
  expect(told).toEqual([
    'first SIGNALBOX_ERR_INDETERMINATE',
    'second SIGNALBOX_ERR_RUNTIME_POISONED',
    'third SIGNALBOX_ERR_RUNTIME_POISONED',
  ])
  expect(bench.commits.map((inputs) => inputs.length)).toEqual([1])
  expect(bench.delivered).toEqual([])
  await bench.committer.drain()
})
