import { describe, expect, onTestFinished, test } from 'vitest'
import type { Journal, JournalRecord } from '../../runtime/journal.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { RowTable, tableRange } from '../../runtime/row-keys.ts'
import { openEngine, openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { numbers } from '../fixtures/lab.ts'
import {
  add,
  cancellable,
  charge,
  charger,
  collector,
  finish,
  items,
  lateHandler,
  roll,
  ticker,
  ticks,
} from '../fixtures/workflows.ts'

/** A journal whose records are read by `readRun`. */
function readBy(
  journal: Journal,
  readRun: (target: Journal, ...args: Parameters<Journal['readRun']>) => Iterable<JournalRecord>,
): Journal {
  return new Proxy(journal, {
    get: (target, property) => {
      if (property === 'readRun') return readRun.bind(undefined, target)
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A journal that notes which runs' records were read. */
function watched(journal: Journal): { journal: Journal; read: Set<number> } {
  const read = new Set<number>()
  const noting = readBy(journal, (target, run, fromSeq) => {
    read.add(run)
    return target.readRun(run, fromSeq)
  })
  return { journal: noting, read }
}

/** The name of a field made an extension of an unknown type, which is as long: no longer to be decoded. */
function withUnknownType(record: JournalRecord): JournalRecord {
  const bytes = Buffer.from(record.bytes)
  const at = bytes.indexOf('requestId')
  if (at > 0) bytes[at - 1] = 0xd7
  return { ...record, bytes }
}

describe('The engine after a crash', () => {
  test('takes up what was unfinished, and reads nothing of what was not', async () => {
    const store = new MemoryJournalStore()
    const before = await openEngine(openMemoryJournal(store), {
      limits: { closeTimeoutMs: 50 },
      activities: { record: () => new Promise(() => undefined) },
    })
    onTestFinished(() => before.close())
    const idle = await Promise.all(
      numbers(300).map((i) => before.client.start(collector, { workflowId: `idle${i}` })),
    )
    await Promise.all(idle.map((handle) => handle.signal({ signal: add, waitFor: 'processed' }, 1)))
    const [closed] = idle
    await closed?.signal(finish)
    await closed?.result()
    // An activity that is under way, a timer that is pending, and a signal that nobody has seen.
    const calling = await before.client.start(charger, { workflowId: 'calling' })
    await calling.signal({ signal: charge, waitFor: 'processed' }, 'a')
    const waiting = await before.client.start(ticker, { workflowId: 'waiting', args: [1, 50] })
    await waiting.query(ticks)
    await eventually('the journal knows of all turns', () => {
      for (const { head, processed } of store.runs.values()) if (processed < head) return false
      return true
    })
    before.engine.dispatcher.pause()
    await before.client.getHandle('idle7').signal(add, 'unseen')
    store.breakDown(new Error('the process died here'))
    await before.close()

    const { journal, read } = watched(openMemoryJournal(store))
    const after = await openEngine(journal, {
      activities: { record: async (what: string) => `did ${what}` },
    })
    onTestFinished(() => after.close())
    expect(await after.client.getHandle<typeof ticker>('waiting').result()).toBe(1)
    const resumed = after.client.getHandle<typeof charger>('calling')
    await resumed.signal(finish)
    expect(await resumed.result()).toEqual(['did a'])
    await eventually('the signal is handled', async () => {
      const { mailboxDepth } = await after.client.getHandle('idle7').describe()
      return mailboxDepth === 0
    })
    expect(read.size).toBe(3)
    expect(await after.client.getHandle('idle7').query(items)).toEqual([1, 'unseen'])
    expect(await after.client.getHandle('idle8').query(items)).toEqual([1])
    expect(await after.client.getHandle('idle0').query(items)).toEqual([1])
  })

  test('what has fired, was cancelled or has its outcome leaves nothing to be taken up again', async () => {
    const store = new MemoryJournalStore()
    const journal = openMemoryJournal(store)
    const host = await openEngine(journal, {
      activities: { record: async (what: string) => `did ${what}` },
    })
    onTestFinished(() => host.close())
    const rowsOf = (table: Parameters<typeof tableRange>[0]): number =>
      [...journal.rows(tableRange(table))].length
    const ticking = await host.client.start(ticker, { workflowId: 'ticking', args: [3, 5] })
    const sleeping = await host.client.start(cancellable, { workflowId: 'tidy' })
    const calling = await host.client.start(charger, { workflowId: 'calling' })
    await eventually('the long timer is in the index', () => rowsOf(RowTable.timer) > 0)
    await calling.signal(charge, 'a')
    await calling.signal(charge, 'b')
    await sleeping.cancel()
    await calling.signal(finish)
    expect(await ticking.result()).toBe(3)
    expect(await sleeping.result()).toBe('did tidied')
    expect(await calling.result()).toEqual(['did a', 'did b'])
    expect(rowsOf(RowTable.timer)).toBe(0)
    expect(rowsOf(RowTable.activity)).toBe(0)
  })

  test('an open that is interrupted again and again loses nothing', async () => {
    const store = new MemoryJournalStore()
    const expected: number[] = []
    for (const n of numbers(8)) {
      const host = await openEngine(openMemoryJournal(store))
      const handle = await host.client.signalWithStart(collector, {
        workflowId: 'w',
        signal: add,
        signalArgs: [n],
      })
      expected.push(n)
      const late = handle.signal(add, 'never acknowledged').then(
        () => true,
        () => false,
      )
      store.breakDown(new Error('the process died here'))
      expect(await late).toBe(false)
      await host.close()
    }
    const host = await openEngine(openMemoryJournal(store))
    onTestFinished(() => host.close())
    const handle = host.client.getHandle<typeof collector>('w')
    expect(await handle.query(items)).toEqual(expected)
    await handle.signal(finish)
    expect(await handle.result()).toEqual(expected)
  })

  test('a second owner of the journal fences the first, which acknowledges nothing more', async () => {
    const store = new MemoryJournalStore()
    const first = await openEngine(openMemoryJournal(store))
    onTestFinished(() => first.close())
    const handle = await first.client.start(collector, { workflowId: 'w' })
    await handle.signal(add, 1)
    const second = await openEngine(openMemoryJournal(store))
    onTestFinished(() => second.close())
    // The first to notice may also be a commit of the engine's own.
    await expect(handle.signal(add, 'lost')).rejects.toMatchObject({
      code: expect.stringMatching(/_(INDETERMINATE|RUNTIME_POISONED)$/) as string,
    })
    await expect(handle.signal(add, 'lost')).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_RUNTIME_POISONED',
    })
    await second.client.getHandle('w').signal(add, 2)
    expect(await second.client.getHandle('w').query(items)).toEqual([1, 2])
  })

  test('what cannot be read of what moves to the next run leaves the close undone', async () => {
    const store = new MemoryJournalStore()
    let isDamaged = true
    const host = await openEngine(
      readBy(openMemoryJournal(store), (target, run, fromSeq) => {
        const records = [...target.readRun(run, fromSeq)]
        return isDamaged ? records.map(withUnknownType) : records
      }),
    )
    onTestFinished(() => host.close())
    const handle = await host.client.start(lateHandler, { workflowId: 'late' })
    await handle.signal({ signal: add, requestId: 'once' }, 7)
    // Acknowledged once it is decided what becomes of the run.
    const rolled = handle.signal(roll)
    await eventually('the run is quarantined', () => {
      return host.engine.runs.current('default', 'late')?.row.quarantined !== undefined
    })
    expect(store.runs.size).toBe(1)
    isDamaged = false
    await handle.release()
    await rolled
    await eventually('the next run has the signal', async () => {
      const seen = await host.client.getHandle('late').query(items)
      return seen.length === 1 && seen[0] === 7
    })
    expect(store.runs.size).toBe(2)
  })
})

describe('The engine under memory limits', () => {
  test('keeps no more actors and runs than it may, and none that has something to do', async () => {
    const { client, engine } = await openGatedEngine({ limits: { maxCachedWorkflows: 10 } })
    const handles = await Promise.all(
      numbers(200).map((i) => client.start(collector, { workflowId: `w${i}` })),
    )
    for (const n of numbers(3)) {
      await Promise.all(
        handles.map((handle) => handle.signal({ signal: add, waitFor: 'processed' }, n)),
      )
    }
    await eventually('idle runs are forgotten', async () => {
      await handles[0]?.signal({ signal: add, waitFor: 'processed' }, 'more')
      return engine.runs.size <= 20
    })
    for (const handle of handles.slice(1)) expect(await handle.query(items)).toEqual([0, 1, 2])
  })
})
