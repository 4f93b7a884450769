import { describe, expect, test, vi } from 'vitest'
import { type Frame, FrameKind, FrameWriter, readFrames } from '../../actors/frames.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { type SlotReport, StatusField } from '../../actors/protocol.ts'
import { decode, encode, encodeInputs } from '../../actors/records.ts'
import { Slot } from '../../actors/slot.ts'
import type { Activation, Sandbox, TurnError } from '../../actors/turns.ts'

const nothing = encode({ closed: false, groups: [] })
const signals = (count: number): Uint8Array =>
  encodeInputs(Array.from({ length: count }, (): Input => [InputKind.signaled, 1, 's', []]))

/** A slot with a sandbox that only counts, and what the slot has posted. */
class Bench {
  readonly status = new Float64Array(4)
  readonly turns: string[] = []
  readonly reports: Frame[][] = []
  rejects: readonly (readonly [run: number, error: TurnError])[] = []
  onDispose: (run: number) => void = () => undefined
  consumed = 0
  sent = 0
  readonly #slot: Slot
  #writer = new FrameWriter()

  constructor() {
    const sandbox: Sandbox = {
      workflowTypes: [],
      sharesQueue: true,
      canEnter: true,
      activate: (run: number, { firstSeq }: Activation) => {
        this.turns.push(`${run}:${firstSeq}`)
        return { commands: [] }
      },
      query: () => ({ result: { data: '1' } as never }),
      dispose: (run: number) => this.onDispose(run),
      takeFloatingRejections: () => {
        const { rejects } = this
        this.rejects = []
        return rejects
      },
    }
    this.#slot = new Slot({ sandbox, status: this.status, post: (report) => this.#heard(report) })
  }

  #heard({ frames, consumed }: SlotReport): void {
    this.consumed += consumed
    const report: Frame[] = []
    readFrames(frames, (frame) => report.push(frame))
    this.reports.push(report)
  }

  write(kind: FrameKind, run: number, seq: number, count = 0, body?: Uint8Array, actor = 0): void {
    this.#writer.write(kind, run, seq, count, body, 0, actor)
    this.sent += body?.length ?? 0
  }

  /** An actor that is up to date. */
  open(run: number): void {
    this.write(FrameKind.open, run, 0, 0, nothing, run)
    this.write(FrameKind.loaded, run, 0)
  }

  inputs(run: number, seq: number, count = 1): void {
    this.write(FrameKind.inputs, run, seq, count, signals(count))
  }

  send(): void {
    this.#slot.receive(this.#writer.take())
  }

  /** What it has posted once it gave back all bytes, and had nothing left to do. */
  async settle(): Promise<readonly Frame[]> {
    await vi.waitFor(() => expect(this.consumed).toBe(this.sent), 10_000)
    for (let posted = -1; posted !== this.reports.length;) {
      posted = this.reports.length
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return this.reports.flat()
  }
}

describe('A slot', () => {
  test('has each actor do its turns in order, and gives back every byte', async () => {
    const bench = new Bench()
    for (const run of [1, 2, 3]) bench.open(run)
    for (const seq of [1, 2, 3, 4]) for (const run of [3, 1, 2]) bench.inputs(run, seq)
    bench.send()
    const frames = await bench.settle()
    for (const run of [1, 2, 3]) {
      const own = bench.turns.filter((turn) => turn.startsWith(`${run}:`))
      expect(own).toEqual([1, 2, 3, 4].map((seq) => `${run}:${seq}`))
      const progress = frames.filter((frame) => frame.run === run)
      expect(progress.map(({ kind }) => kind)).toEqual(progress.map(() => FrameKind.progress))
      expect(progress.at(-1)).toMatchObject({ seq: 4, actor: run })
    }
    expect(bench.consumed).toBe(bench.sent)
  })

  test('lets nobody wait for an actor that has thousands of turns to do', async () => {
    const bench = new Bench()
    bench.open(1)
    bench.open(2)
    bench.inputs(1, 1, 5_000)
    bench.inputs(2, 1)
    bench.send()
    await bench.settle()
    expect(bench.turns.indexOf('2:1')).toBeLessThanOrEqual(2 * 1_024)
    expect(bench.turns).toHaveLength(5_001)
    expect(bench.consumed).toBe(bench.sent)
  })

  test('tells nothing of a slice in which a promise of the run was rejected', async () => {
    const bench = new Bench()
    for (const run of [1, 2, 3]) bench.open(run)
    for (const seq of [1, 2]) for (const run of [1, 2, 3]) bench.inputs(run, seq)
    bench.write(
      FrameKind.query,
      2,
      9,
      0,
      encode({ after: 1, request: { queryType: 'q', args: [] } }),
    )
    bench.rejects = [[2, { name: 'Error', message: 'floating' }]]
    bench.send()
    const frames = await bench.settle()
    const own = frames.filter(({ run }) => run === 2)
    expect(own).toHaveLength(1)
    expect(own[0]).toMatchObject({ kind: FrameKind.parked, actor: 2, flags: 0 })
    expect(decode(own[0]?.body ?? new Uint8Array(0))).toMatchObject({ message: 'floating' })
    for (const run of [1, 3]) {
      const others = frames.filter((frame) => frame.run === run).map(({ seq }) => seq)
      expect(others).toEqual([1, 2])
    }
    expect(bench.consumed).toBe(bench.sent)
    // Its actor is gone: what is still on the way to it is left to the next one.
    bench.inputs(2, 3)
    bench.inputs(1, 3)
    bench.send()
    await bench.settle()
    expect(bench.turns.slice(-1)).toEqual(['1:3'])
    expect(bench.consumed).toBe(bench.sent)
  })

  test('names the run whose frame it is at, and not the one served before', async () => {
    const bench = new Bench()
    const named: number[] = []
    bench.onDispose = () => named.push(bench.status[StatusField.run] ?? 0)
    bench.open(1)
    bench.open(2)
    bench.inputs(1, 1)
    bench.write(FrameKind.evict, 2, 0)
    bench.send()
    await bench.settle()
    expect(named).toEqual([2])
    expect(bench.status[StatusField.run]).toBe(0)
  })
})
