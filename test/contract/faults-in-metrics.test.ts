import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { DiagnosticsMessages } from 'signalbox'
import { collectMetrics, type MeasuredRuntime } from 'signalbox/api'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { openEngine, openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { parsePrometheusText, valueOf } from '../fixtures/prometheus-text.ts'
import { add, collector, finish, items, misbehave, rogue, ticker } from '../fixtures/workflows.ts'

/*
 * What operators must see: each fault is made for real, and is to be found in a scrape. Alarms are made
 * of these (docs/operations.md).
 */
const patience = {
  deadlockTimeoutMs: 250,
  maxStrikes: 2,
  parkBackoffMs: 20,
  parkBackoffMaxMs: 50,
}

type Read = (name: string, labels?: Record<string, string>) => Promise<number>

/** Reads metrics of a runtime, each by a scrape of its own. */
function metricsOf(runtime: MeasuredRuntime): Read {
  const metrics = collectMetrics(runtime, { processMetrics: false })
  onTestFinished(() => metrics.close())
  return async (name, labels) => {
    const value = valueOf(parsePrometheusText(await metrics.text()), name, labels)
    if (value === undefined) throw new Error(`there is no ${name}`)
    return value
  }
}

describe('Faults in metrics', () => {
  test('a run that hangs: restarts of its slot, then a quarantine that outlives the process', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open({ limits: patience, slots: 1 })
    let read = metricsOf(runtime)
    const quarantines: DiagnosticsMessages['signalbox:quarantine'][] = []
    const listener = (message: unknown): void => {
      quarantines.push(message as DiagnosticsMessages['signalbox:quarantine'])
    }
    subscribe('signalbox:quarantine', listener)
    onTestFinished(() => {
      unsubscribe('signalbox:quarantine', listener)
    })
    const bad = await runtime.client.workflow.start(rogue, { workflowId: 'bad' })
    const good = await runtime.client.workflow.start(collector, { workflowId: 'good' })
    await bad.signal(misbehave, 'spin')
    await eventually('it is quarantined', async () => (await bad.describe()).quarantined)
    await good.signal({ signal: add, waitFor: 'processed' }, 1)
    expect(await read('signalbox_quarantined_runs')).toBe(1)
    expect(await read('signalbox_quarantines_total')).toBe(1)
    expect(await read('signalbox_slot_restarts_total', { slot: '0' })).toBe(2)
    expect(await read('signalbox_slot_up', { slot: '0' })).toBe(1)
    expect(await read('signalbox_replays_total')).toBeGreaterThan(0)
    // What waits for it waits on, and is seen.
    expect(await read('signalbox_inputs_waiting')).toBe(1)
    expect(quarantines).toMatchObject([
      { workflowId: 'bad', reason: expect.stringContaining('deadlockTimeoutMs') as string },
    ])

    runtime = await lab.reopen({ limits: patience, slots: 1, code: 'reformed.ts' })
    read = metricsOf(runtime)
    expect(await read('signalbox_quarantined_runs')).toBe(1)
    expect(await read('signalbox_quarantines_total')).toBe(0)
    const again = runtime.client.workflow.getHandle<typeof rogue>('bad')
    await again.release()
    expect(await read('signalbox_quarantined_runs')).toBe(0)
    await again.signal(finish)
    await again.result()
    expect(await read('signalbox_inputs_waiting')).toBe(0)

    runtime = await lab.reopen({ limits: patience, slots: 1 })
    expect(await metricsOf(runtime)('signalbox_quarantined_runs')).toBe(0)
  })

  test('a quarantined run that is terminated counts no longer, though it had nothing left to handle', async () => {
    const lab = await Lab.create()
    const limits = { ...patience, maxStrikes: 1 }
    let runtime = await lab.open({ limits, slots: 1 })
    const bad = await runtime.client.workflow.start(rogue, { workflowId: 'bad' })
    await bad.signal(misbehave, 'spin')
    await eventually('it is quarantined', async () => (await bad.describe()).quarantined)
    runtime = await lab.reopen({ limits, slots: 1 })
    const read = metricsOf(runtime)
    expect(await read('signalbox_quarantined_runs')).toBe(1)
    await runtime.client.workflow.getHandle('bad').terminate()
    expect(await read('signalbox_quarantined_runs')).toBe(0)
    expect(await read('signalbox_workflows_closed_total', { status: 'terminated' })).toBe(1)
    runtime = await lab.reopen({ limits, slots: 1 })
    expect(await metricsOf(runtime)('signalbox_quarantined_runs')).toBe(0)
  })

  test('a turn that throws: parked runs, until mended code lets it pass', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open({ limits: patience, slots: 1 })
    const read = metricsOf(runtime)
    const bad = await runtime.client.workflow.start(rogue, { workflowId: 'bad' })
    await bad.signal(misbehave, 'throw')
    await eventually(
      'it was tried again',
      async () => ((await bad.describe()).parked?.attempts ?? 0) >= 2,
    )
    expect(await read('signalbox_parked_runs')).toBe(1)
    expect(await read('signalbox_parks_total')).toBeGreaterThanOrEqual(2)
    await bad.terminate()
    expect(await read('signalbox_parked_runs')).toBe(0)
    runtime = await lab.reopen({ limits: patience, slots: 1 })
    expect(await metricsOf(runtime)('signalbox_parked_runs')).toBe(0)
  })

  test('a storage error: the state is poisoned, and calls are refused', async () => {
    const store = new MemoryJournalStore()
    const lab = await openEngine(openMemoryJournal(store))
    onTestFinished(() => lab.close())
    const { source } = lab.engine.telemetry
    const read = metricsOf({ source, stats: () => lab.engine.stats() })
    const handle = await lab.client.start(collector, { workflowId: 'w' })
    expect(await read('signalbox_state', { state: 'serving' })).toBe(1)
    store.breakDown(new Error('EIO'))
    await expect(handle.signal(add, 1)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INDETERMINATE',
    })
    await expect(handle.signal(add, 2)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_RUNTIME_POISONED',
    })
    expect(await read('signalbox_state', { state: 'poisoned' })).toBe(1)
    expect(await read('signalbox_state', { state: 'serving' })).toBe(0)
    const code = 'SIGNALBOX_ERR_RUNTIME_POISONED'
    expect(await read('signalbox_rejected_total', { operation: 'signal', code })).toBe(1)
  })

  test('an engine that takes up what was unfinished says so until it serves', async () => {
    const told: string[] = []
    const listener = (message: unknown): void => {
      told.push((message as DiagnosticsMessages['signalbox:state']).state)
    }
    subscribe('signalbox:state', listener)
    onTestFinished(() => {
      unsubscribe('signalbox:state', listener)
    })
    const store = new MemoryJournalStore()
    const first = await openEngine(openMemoryJournal(store))
    await first.client.start(collector, { workflowId: 'w' })
    await first.close()
    const second = await openEngine(openMemoryJournal(store))
    onTestFinished(() => second.close())
    expect(told).toEqual(['recovering', 'serving', 'draining', 'closed', 'recovering', 'serving'])
  })

  test('a disk that stands still: bytes and inputs pile up, and the mailbox refuses', async () => {
    const { client, engine, gate } = await openGatedEngine({ limits: { maxMailboxDepth: 10 } })
    const { source } = engine.telemetry
    const read = metricsOf({ source, stats: () => engine.stats() })
    const handle = await client.start(collector, { workflowId: 'w' })
    gate.hold()
    const sent = numbers(12).map((n) => handle.signal(add, n))
    const outcomes = Promise.allSettled(sent)
    const code = 'SIGNALBOX_ERR_MAILBOX_FULL'
    expect(await read('signalbox_rejected_total', { operation: 'signal', code })).toBeGreaterThan(0)
    expect(await read('signalbox_uncommitted_bytes')).toBeGreaterThan(0)
    // All but the start, whose turn may have ended.
    expect(await read('signalbox_inputs_waiting')).toBeGreaterThanOrEqual(9)
    gate.release()
    await outcomes
    expect(await handle.query(items)).toHaveLength(
      (await outcomes).filter(({ status }) => status === 'fulfilled').length,
    )
    expect(await read('signalbox_uncommitted_bytes')).toBe(0)
    expect(await read('signalbox_inputs_waiting')).toBe(0)
  })

  test('timers: those that are near, those that fired', async () => {
    const { client, ...runtime } = await openTicker()
    const read = metricsOf(runtime)
    const handle = await client.workflow.start(ticker, { workflowId: 'w', args: [3, 1] })
    await handle.result()
    expect(await read('signalbox_timers_fired_total')).toBe(3)
    expect(await read('signalbox_timer_lateness_seconds')).toBe(0)
    expect(await read('signalbox_timers_near')).toBe(0)
  })
})

async function openTicker() {
  const runtime = await openRuntime({ slots: 1 })
  const { client, source } = runtime
  return { client, source, stats: () => runtime.stats() }
}
