import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Runtime } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  collector,
  finish,
  items,
  laborer,
  meddler,
  misbehave,
  peek,
  rogue,
  spinQuery,
} from '../fixtures/workflows.ts'

const patience = {
  deadlockTimeoutMs: 250,
  slotHeapMb: 128,
  maxStrikes: 2,
  parkBackoffMs: 20,
  parkBackoffMaxMs: 50,
}

/** Workflows beside the bad one, in its own slot and in the other: they must not notice. */
async function bystanders(runtime: Runtime): Promise<() => Promise<void>> {
  const handles = await Promise.all(
    numbers(12).map((i) => runtime.client.workflow.start(collector, { workflowId: `good${i}` })),
  )
  await Promise.all(handles.map((handle) => handle.signal(add, 0)))
  return async () => {
    for (const handle of handles) {
      await handle.signal(add, 1)
      expect(await handle.query(items)).toEqual([0, 1])
      const { parked, quarantined } = await handle.describe()
      expect({ parked, quarantined }).toEqual({})
      await handle.signal(finish)
      expect(await handle.result()).toEqual([0, 1])
    }
  }
}

/** Change a byte of every copy of this text in the journal's files. */
async function corrupt(dataDir: string, text: string): Promise<void> {
  const file = path.join(dataDir, 'journal', 'data.mdb')
  const bytes = await readFile(file)
  let copies = 0
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at + 4] = 0x58
    copies++
  }
  expect(copies).toBeGreaterThan(0)
  await writeFile(file, bytes)
}

describe('10 One bad workflow harms itself alone', () => {
  test.each(['spin', 'bomb'] as const)(
    'one that would %s for ever is quarantined with a reason, and can be released',
    async (how) => {
      // The bomb is to be found by the memory that it takes, however long that lasts.
      const limits = { ...patience, deadlockTimeoutMs: how === 'spin' ? 250 : 30_000 }
      const lab = await Lab.create()
      const runtime = await lab.open({ limits })
      const check = await bystanders(runtime)
      const bad = await runtime.client.workflow.start(rogue, { workflowId: 'bad' })
      await bad.signal(add, 'before')
      await bad.signal(misbehave, how)
      await bad.signal(add, 'after')
      const quarantined = await eventually(
        'it is quarantined',
        async () => (await bad.describe()).quarantined,
      )
      expect(quarantined.reason).toMatch(
        how === 'spin' ? /deadlockTimeoutMs/ : /memory|maxRssBytes|heap/i,
      )
      await check()
      await expect(bad.query(items)).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
      })
      // Its signals are accepted still, and a restart neither forgets nor repeats the quarantine.
      await bad.signal({ signal: add, requestId: 'late' }, 'late')
      const reopened = (await lab.reopen({ code: 'reformed.ts', limits })).client.workflow
      const again = reopened.getHandle<typeof rogue>('bad')
      expect((await again.describe()).quarantined?.reason).toBe(quarantined.reason)
      await again.release()
      await again.signal(finish)
      expect(await again.result()).toEqual(['before', 'after', 'late'])
    },
    60_000,
  )

  test('release of a run that is as bad as before quarantines it again', async () => {
    const { client } = await openRuntime({ limits: patience })
    const bad = await client.workflow.start(rogue, { workflowId: 'bad' })
    await bad.signal(misbehave, 'spin')
    const first = await eventually(
      'it is quarantined',
      async () => (await bad.describe()).quarantined,
    )
    await bad.release()
    await eventually('it is quarantined again', async () => {
      const { quarantined } = await bad.describe()
      return quarantined !== undefined && quarantined.since > first.since
    })
  })

  test('a query that never ends is refused, and what was acknowledged is kept', async () => {
    const runtime = await openRuntime({ limits: patience })
    const check = await bystanders(runtime)
    const bad = await runtime.client.workflow.start(meddler, { workflowId: 'bad' })
    await bad.signal(add, 1)
    await expect(bad.query(spinQuery)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
    })
    await check()
    await eventually('it answers again', () =>
      bad.query(peek).then(
        (count) => count === 1,
        () => false,
      ),
    )
    expect((await bad.describe()).quarantined).toBeUndefined()
  })

  test('a closed run that its queries put in quarantine is not counted once it is deleted', async () => {
    const lab = await Lab.create()
    let runtime = await lab.open({ limits: patience })
    const bad = await runtime.client.workflow.start(meddler, { workflowId: 'bad' })
    await bad.signal(finish)
    await bad.result()
    for (const _ of numbers(patience.maxStrikes)) {
      await expect(bad.query(spinQuery)).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
      })
    }
    expect(runtime.stats().runs.quarantined).toBe(1)
    await bad.delete()
    expect(runtime.stats().runs.quarantined).toBe(0)
    runtime = await lab.reopen()
    expect(runtime.stats().runs.quarantined).toBe(0)
  })

  test('handlers that are slow together are not taken for one that hangs', async () => {
    const { client } = await openRuntime({ limits: patience })
    const closing = await client.workflow.start(laborer, { workflowId: 'closing' })
    // All that comes while it closes is one turn.
    const closes = closing.signal(finish)
    await Promise.all([closes, ...numbers(800).map(() => closing.signal(add, 1))])
    expect(await closing.result()).toBe(800)
    // As is all that waits for the first turn, whose handler comes after the signals.
    const late = await client.workflow.start(laborer, { workflowId: 'late', startDelay: 1_000 })
    await Promise.all(numbers(800).map(() => late.signal(add, 1)))
    await late.signal(finish)
    expect(await late.result()).toBe(800)
  })

  test('a workflow that throws is parked alone and tried again with pauses', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open({ limits: patience })
    const check = await bystanders(runtime)
    const bad = await runtime.client.workflow.start(rogue, { workflowId: 'bad' })
    await bad.signal(add, 'before')
    await bad.signal(misbehave, 'throw')
    await bad.signal(add, 'after')
    const parked = await eventually('it was tried again', async () => {
      const { parked } = await bad.describe()
      return parked !== undefined && parked.attempts >= 3 && parked
    })
    expect(parked.reason).toContain('a defect in the workflow')
    await check()
    const reopened = (await lab.reopen({ code: 'reformed.ts', limits: patience })).client.workflow
    const again = reopened.getHandle<typeof rogue>('bad')
    await again.signal(finish)
    expect(await again.result()).toEqual(['before', 'after'])
  })

  test('a turn that failed has not ended: nobody is told so, and it is tried again', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open({ limits: patience })
    const bad = await client.workflow.start(rogue, { workflowId: 'bad' })
    await bad.signal(add, 'before')
    let handled = false
    const waiting = bad.signal({ signal: misbehave, waitFor: 'processed' }, 'throw').then(
      () => {
        handled = true
      },
      () => undefined,
    )
    await eventually(
      'it was tried again and again',
      async () => ((await bad.describe()).parked?.attempts ?? 0) >= 3,
    )
    expect(handled).toBe(false)
    expect((await bad.describe()).mailboxDepth).toBe(1)
    const reopened = (await lab.reopen({ code: 'reformed.ts' })).client.workflow
    await waiting
    expect(handled).toBe(false)
    expect(await reopened.getHandle('bad').query(items)).toEqual(['before'])
    expect((await reopened.getHandle('bad').describe()).mailboxDepth).toBe(0)
  })

  test('a corrupt record is found by its checksum, and harms the run that it belongs to', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open({ limits: patience })
    await bystanders(runtime)
    const bad = await runtime.client.workflow.start(collector, { workflowId: 'bad' })
    await bad.signal({ signal: add, waitFor: 'processed' }, 'the one that will be corrupt')
    await lab.close()
    await corrupt(lab.dataDir, 'the one that will be corrupt')

    const reopened = await lab.open({ limits: patience })
    const again = reopened.client.workflow.getHandle('bad')
    await expect(again.query(items)).rejects.toMatchObject({
      code: expect.stringMatching(/WORKFLOW_NOT_READY|JOURNAL_CORRUPT/) as string,
    })
    expect((await again.describe()).quarantined?.reason).toMatch(/checksum/)
    for (const i of numbers(12)) {
      expect(await reopened.client.workflow.getHandle(`good${i}`).query(items)).toEqual([0])
    }
  })

  test('a slot that dies under load loses nothing of anybody', async () => {
    const { client } = await openRuntime({ limits: patience, slots: 1 })
    const handles = await Promise.all(
      numbers(20).map((i) => client.workflow.start(collector, { workflowId: `w${i}` })),
    )
    const bad = await client.workflow.start(rogue, { workflowId: 'bad' })
    const sending = handles.map(async (handle) => {
      for (const n of numbers(100)) await handle.signal(add, n)
    })
    await bad.signal(misbehave, 'spin')
    await Promise.all(sending)
    for (const handle of handles) expect(await handle.query(items)).toEqual(numbers(100))
    await eventually('the bad one is quarantined', async () => (await bad.describe()).quarantined)
    for (const handle of handles) {
      await handle.signal(finish)
      expect(await handle.result()).toEqual(numbers(100))
    }
  })
})
