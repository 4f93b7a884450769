import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Logger, SignalboxError, WorkflowNotFoundError } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Journal } from '../../runtime/journal.ts'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import { bought, buy } from '../fixtures/code/order-v1.ts'
import { EngineHost } from '../fixtures/engine-host.ts'
import { eventually } from '../fixtures/eventually.ts'
import { fickle, hasty, hurry, odd, oddity, reopen, unreadable } from '../fixtures/faults.ts'
import type { Oddity } from '../fixtures/faults.ts'
import { bundleOf, Lab, numbers, openRuntime, temporaryFolder } from '../fixtures/lab.ts'
import {
  add,
  collector,
  finish,
  items,
  meddle,
  meddler,
  misbehave,
  peek,
  roll,
  roller,
  rogue,
  spinQuery,
  ticker,
  ticks,
} from '../fixtures/workflows.ts'

const invalid = { code: 'SIGNALBOX_ERR_INVALID_ARGUMENT' }
const notReady = { code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY' }
const impatient = { deadlockTimeoutMs: 250, parkBackoffMs: 20, parkBackoffMaxMs: 50 }
const faults = { code: 'faults.ts', slots: 1 }

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Line {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger, and what it was told. */
function listener(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const note = (fields: object, message: string): void => {
    lines.push({ fields: { ...fields }, message })
  }
  return { logger: { debug: note, info: note, warn: note, error: note }, lines }
}

const deaths = (lines: readonly Line[]): Line[] =>
  lines.filter(({ message }) => message.startsWith('slot died'))

/** A workflow file with this text, that is gone after the test. */
async function codeOf(text: string): Promise<string> {
  const file = path.join(await temporaryFolder(), 'code.ts')
  await writeFile(file, text)
  return file
}

describe('What one workflow does wrong', () => {
  test('a query that meddles while its workflow closes neither doubles a turn nor ends the host', async () => {
    const ran: string[] = []
    const { client } = await openRuntime({
      ...faults,
      activities: {
        record: async (what: string) => {
          ran.push(what)
        },
      },
    })
    for (const round of numbers(40)) {
      const handle = await client.workflow.start(fickle, { workflowId: `w${round}` })
      let acknowledged = 0
      const send = (signal: typeof finish | typeof reopen): Promise<boolean> =>
        handle.signal(signal.name).then(
          () => {
            acknowledged++
            return true
          },
          (error: unknown) => {
            expect(error).toBeInstanceOf(WorkflowNotFoundError)
            return false
          },
        )
      let open = true
      for (let i = 0; i < 8 && open; i++) {
        open = await send(finish)
        const refused: Promise<void>[] = []
        for (const k of numbers(3)) {
          refused.push(expect(handle.query(meddle)).rejects.toBeInstanceOf(SignalboxError))
          if (((round + i) >> k) % 2 === 0) await immediate()
        }
        if (!(await send(reopen))) open = false
        await Promise.all(refused)
      }
      await send(finish)
      expect(await handle.result()).toBe(acknowledged)
    }
    expect(ran.length).toBeGreaterThan(0)
    expect(new Set(ran).size).toBe(ran.length)
  })

  test('a log line whose attributes are no JSON is still a line', async () => {
    const { logger, lines } = listener()
    const { client } = await openRuntime({ ...faults, logger })
    const handle = await client.workflow.start(odd, { workflowId: 'w' })
    const how: Oddity = 'attributes that are no JSON'
    await handle.signal({ signal: oddity, waitFor: 'processed' }, how)
    await eventually('the line is there', () =>
      lines.some(({ message, fields }) => message === 'a line' && fields['workflowId'] === 'w'),
    )
    expect(await handle.query(items)).toEqual([])
    expect(deaths(lines)).toEqual([])
  })

  test('a function among activity options parks that workflow alone', async () => {
    const { logger, lines } = listener()
    const { client } = await openRuntime({ ...faults, logger, limits: impatient })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    const handle = await client.workflow.start(odd, { workflowId: 'w' })
    await handle.signal(oddity, 'a function among the options')
    const parked = await eventually('it is parked', async () => (await handle.describe()).parked)
    expect(parked.reason).toContain('function')
    await other.signal(add, 1)
    expect(await other.query(items)).toEqual([1])
    expect((await handle.describe()).quarantined).toBeUndefined()
    expect(deaths(lines)).toEqual([])
  })

  test('a rejection that nobody handles leaves its slot alive, whatever is asked meanwhile', async () => {
    const { logger, lines } = listener()
    const { client } = await openRuntime({ ...faults, logger, limits: { parkBackoffMs: 60_000 } })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    for (const round of numbers(60)) {
      const handle = await client.workflow.start(rogue, { workflowId: `w${round}` })
      await handle.query(items)
      await handle.signal(misbehave, 'reject')
      for (let i = 0; i < round % 4; i++) await immediate()
      await Promise.allSettled(numbers(3).map(() => handle.query(items)))
      await expect(handle.query(items)).rejects.toMatchObject(notReady)
    }
    expect(await other.query(items)).toEqual([])
    expect(deaths(lines)).toEqual([])
  })

  test('nothing is done of a turn that left a rejection to nobody, and nothing told of it', async () => {
    const ran: string[] = []
    const activities = {
      record: async (what: string) => {
        ran.push(what)
      },
    }
    const { client } = await openRuntime({ ...faults, activities })
    const other = await client.workflow.start(hasty, { workflowId: 'other' })
    const alone = await client.workflow.start(hasty, { workflowId: 'alone' })
    const both = await client.workflow.start(hasty, { workflowId: 'both' })
    for (const handle of [alone, both]) expect(await handle.query(peek)).toBe(0)

    await alone.signal(hurry, 'reject')
    await expect(alone.query(peek)).rejects.toMatchObject(notReady)
    // The second of two turns in one go fails at once, before anybody knows of the first.
    await Promise.all([both.signal(hurry, 'reject'), both.signal(hurry, 'throw')])
    await expect(both.query(peek)).rejects.toMatchObject(notReady)

    expect((await alone.describe()).mailboxDepth).toBe(1)
    expect((await both.describe()).mailboxDepth).toBe(2)
    await other.signal(hurry, 'behave')
    await eventually('the activity of the other has run', () => ran.includes('other behave'))
    expect(ran).toEqual(['other behave'])
  })

  test('an error that takes for ever to read quarantines the workflow that rejected with it', async () => {
    const limits = { ...impatient, maxStrikes: 2 }
    const { client } = await openRuntime({ ...faults, limits })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    const handle = await client.workflow.start(unreadable, { workflowId: 'w' })
    await handle.signal(add, 1)
    await eventually('it is quarantined', async () => (await handle.describe()).quarantined)
    await other.signal(add, 1)
    expect(await other.query(items)).toEqual([1])
    expect((await other.describe()).quarantined).toBeUndefined()
  })

  test('code that never stops loading fails the open instead of hanging it', async () => {
    const code = await codeOf('for (;;);\nexport async function never(): Promise<void> {}\n')
    const lab = await Lab.create()
    await expect(lab.open({ code, limits: { slotStartTimeoutMs: 300 } })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_BUNDLE_FAILED',
      message: expect.stringContaining('slotStartTimeoutMs') as string,
    })
    // Nothing was kept: the folder opens with code that loads.
    const { client } = await lab.open()
    await client.workflow.start(collector, { workflowId: 'w' })
  })

  test('queries that hang quarantine their workflow in the end, though its signals go through', async () => {
    const limits = { ...impatient, maxStrikes: 2 }
    const { client } = await openRuntime({ slots: 1, limits })
    const handle = await client.workflow.start(meddler, { workflowId: 'w' })
    for (const _ of numbers(2)) {
      expect((await handle.describe()).quarantined).toBeUndefined()
      await handle.signal({ signal: add, waitFor: 'processed' }, 1)
      await expect(handle.query(spinQuery)).rejects.toMatchObject(notReady)
    }
    const { quarantined } = await handle.describe()
    expect(quarantined).toMatchObject({ reason: expect.stringContaining('queries') as string })
  })

  test.each(['throw', 'spin'] as const)(
    'a close that meets a signal which would %s holds nobody up',
    async (how) => {
      const { client } = await openRuntime({ slots: 1, limits: impatient })
      const handle = await client.workflow.start(rogue, { workflowId: 'w' })
      await handle.query(items)
      await Promise.all([handle.signal(finish), handle.signal(misbehave, how)])
      await eventually('it has failed', async () => {
        const { parked, quarantined } = await handle.describe()
        return parked !== undefined || quarantined !== undefined
      })
      await handle.signal(add, 1)
      await handle.cancel()
      const same = await client.workflow.start(rogue, {
        workflowId: 'w',
        workflowIdConflictPolicy: 'USE_EXISTING',
      })
      expect(same.firstExecutionRunId).toBe(handle.firstExecutionRunId)
      await handle.terminate()
      expect((await handle.describe()).status).toBe('TERMINATED')
    },
  )

  test('a workflow that was terminated is not described as parked', async () => {
    const { client } = await openRuntime({ slots: 1, limits: { parkBackoffMs: 60_000 } })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    for (const round of numbers(60)) {
      const handle = await client.workflow.start(rogue, { workflowId: `w${round}` })
      await handle.query(items)
      await handle.signal(misbehave, 'throw')
      for (let i = 0; i < round % 6; i++) await immediate()
      await handle.terminate()
      // What the slot had to say of the turn that failed, it has said before it answers this.
      await other.query(items)
      const { status, parked } = await handle.describe()
      expect({ status, parked }).toEqual({ status: 'TERMINATED', parked: undefined })
    }
  })
})

describe('Code that is not what the journal was written with', () => {
  test('code that ends where the journal went on parks the run; the old code goes on', async () => {
    const workflows = fileURLToPath(new URL('../fixtures/workflows.ts', import.meta.url))
    const early = await codeOf(
      `export { closesAtOnce as collector, items } from ${JSON.stringify(workflows)}\n`,
    )
    const lab = await Lab.create()
    let { client } = await lab.open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    for (const n of numbers(3)) await handle.signal({ signal: add, waitFor: 'processed' }, n)

    ;({ client } = await lab.reopen({ code: early, limits: impatient }))
    const ended = client.workflow.getHandle<typeof collector>('w')
    await ended.signal(add, 3)
    const parked = await eventually('it is parked', async () => (await ended.describe()).parked)
    expect(parked.reason).toContain('Nondeterminism')
    expect(parked.reason).toContain('no end of the run')
    await expect(ended.query(items)).rejects.toMatchObject(notReady)

    ;({ client } = await lab.reopen())
    const again = client.workflow.getHandle<typeof collector>('w')
    await again.signal(finish)
    expect(await again.result()).toEqual(numbers(4))
  })

  test('a query is not answered by code that lacks a command of the journal', async () => {
    let paying = 0
    const activities = {
      reserve: async (item: string) => `reserved ${item}`,
      pay: () => {
        paying++
        return new Promise(() => undefined)
      },
    }
    const limits = { ...impatient, closeTimeoutMs: 50 }
    const lab = await Lab.create()
    let { client } = await lab.open({ code: 'code/order-v1.ts', activities, limits })
    const handle = await client.workflow.start('order', { workflowId: 'w' })
    await handle.signal(buy, 'tea')
    await eventually('it is being paid for', () => paying === 1)
    expect(await handle.query(bought)).toEqual([])

    ;({ client } = await lab.reopen({ code: 'code/order-dropped.ts', activities, limits }))
    await expect(client.workflow.getHandle('w').query(bought)).rejects.toMatchObject({
      ...notReady,
      message: expect.stringMatching(/Nondeterminism.*pay/) as string,
    })
  })
})

describe('What clients send', () => {
  test('odd ids and values are refused, and everything else of the batch is taken', async () => {
    const { client, service } = await openRuntime({ slots: 1 })
    const { workflow } = client
    const handle = await workflow.start(collector, { workflowId: 'w' })
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const token = Buffer.from(String(Number.MAX_SAFE_INTEGER)).toString('base64url')
    const refused: (() => Promise<unknown>)[] = [
      () => workflow.start(collector, { workflowId: 'w'.repeat(975), namespace: 'n'.repeat(975) }),
      () => workflow.start(collector, { workflowId: 'w\u0000' }),
      () => handle.cancel((2n ** 80n) as unknown as string),
      () => handle.cancel(circular as unknown as string),
      () => handle.cancel((() => 1) as unknown as string),
      () => handle.terminate(Symbol('why') as unknown as string),
      () => service.listWorkflows({ pageToken: token }),
    ]
    for (const [n, call] of refused.entries()) {
      const beside = [
        handle.signal(add, n),
        workflow.start(collector, { workflowId: `beside ${n}` }),
      ]
      const outcome = call()
      beside.push(handle.signal(add, `${n} too`))
      await expect(outcome).rejects.toMatchObject(invalid)
      await Promise.all(beside)
    }
    expect(await handle.query(items)).toEqual(refused.flatMap((_, n) => [n, `${n} too`]))
  })

  test('the retry of a signal that was never handled is told so, as the signal was', async () => {
    const { client } = await openRuntime({ slots: 1 })
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await handle.query(items)
    const send = (): Promise<void> =>
      handle.signal({ signal: add, requestId: 'once', waitFor: 'processed' }, 1)
    const first = send()
    const terminated = handle.terminate()
    const unhandled = {
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
      message: expect.stringContaining('before it handled') as string,
    }
    await expect(first).rejects.toMatchObject(unhandled)
    await terminated
    await expect(send()).rejects.toMatchObject(unhandled)
  })

  test('long polls end with the runtime', { timeout: 10_000 }, async () => {
    const lab = await Lab.create()
    const { client, service } = await lab.open({ slots: 1 })
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await handle.query(items)
    const wait = { workflowId: 'w', timeoutMs: 60_000 }
    const polls = [
      service.getHistory({ ...wait, closeEventOnly: true, waitNewEvent: true }),
      service.waitForClose({ ...wait, followRuns: true }),
      handle.result(),
    ]
    const outcomes = Promise.allSettled(polls)
    await handle.describe()
    await immediate()
    await lab.close()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'SIGNALBOX_ERR_RUNTIME_CLOSED' },
      })
    }
  })
})

describe('A corrupt record', () => {
  /** The number of the run whose records are corrupt; 0 while all are sound. */
  class Damage {
    readonly store = new MemoryJournalStore()
    readonly heard = listener()
    run = 0

    async open(): Promise<EngineHost> {
      const bundle = await bundleOf('faults.ts')
      const { logger } = this.heard
      const limits = { parkBackoffMs: 20, parkBackoffMaxMs: 50 }
      const host = await EngineHost.open(this.#journal(), bundle, { slots: 1, logger, limits })
      onTestFinished(() => host.close())
      return host
    }

    #journal(): Journal {
      return new Proxy(openMemoryJournal(this.store), {
        get: (journal, property) => {
          const value: unknown = Reflect.get(journal, property, journal)
          if (typeof value !== 'function') return value
          const checked = property === 'readRun' || property === 'runState'
          return (...args: unknown[]): unknown => {
            if (checked && args[0] === this.run) {
              throw new SignalboxError('SIGNALBOX_ERR_JOURNAL_CORRUPT', 'a checksum is wrong')
            }
            return Reflect.apply(value, journal, args)
          }
        },
      })
    }
  }

  /** Others are served by this engine: those that were there and new ones. */
  async function othersGoOn(host: EngineHost): Promise<void> {
    const other = host.client.getHandle<typeof collector>('other')
    const before = await other.query(items)
    await other.signal({ signal: add, waitFor: 'processed' }, before.length)
    expect(await other.query(items)).toEqual(numbers(before.length + 1))
    const workflowId = `new ${before.length}`
    expect(await (await host.client.start(collector, { workflowId })).query(items)).toEqual([])
  }

  test('that a continue-as-new finds quarantines its run alone', async () => {
    const damage = new Damage()
    const host = await damage.open()
    const handle = await host.client.start(roller, { workflowId: 'w' })
    await host.client.start(collector, { workflowId: 'other' })
    await handle.query(items)
    damage.run = 1
    await handle.signal(roll)
    const quarantined = await eventually(
      'it is quarantined',
      async () => (await handle.describe()).quarantined,
    )
    expect(quarantined.reason).toContain('a checksum is wrong')
    await othersGoOn(host)
    await host.close()

    // Nothing of the close that was begun is left: mended and released, the run continues as new.
    damage.run = 0
    const mended = await damage.open()
    await othersGoOn(mended)
    const again = mended.client.getHandle<typeof roller>('w')
    const { runId } = await again.describe()
    await again.release()
    await eventually('it continues', async () => (await again.describe()).runId !== runId)
  })

  test('that a timer finds costs nobody else anything, and it fires once the record is sound', async () => {
    const damage = new Damage()
    const before = await damage.open()
    // One timer after the other, so that one is pending whenever the engine closes.
    const handle = await before.client.start(ticker, { workflowId: 'w', args: [10_000, 50] })
    await before.client.start(collector, { workflowId: 'other' })
    await handle.query(ticks)
    await before.close()

    damage.run = 1
    const host = await damage.open()
    await eventually('the timer has found it', () =>
      damage.heard.lines.some(({ message }) => message === 'a run cannot be read'),
    )
    await othersGoOn(host)
    await host.close()

    damage.run = 0
    const { client } = await damage.open()
    const again = client.getHandle<typeof ticker>('w')
    const counted = await again.query(ticks)
    await eventually('it ticks on', async () => (await again.query(ticks)) > counted)
  })

  test('of a run that has work left does not keep the runtime from opening', async () => {
    const damage = new Damage()
    const before = await damage.open()
    const handle = await before.client.start(rogue, { workflowId: 'w' })
    await before.client.start(collector, { workflowId: 'other' })
    await handle.signal(misbehave, 'throw')
    await handle.signal(add, 1)
    await before.close()

    damage.run = 1
    const host = await damage.open()
    await othersGoOn(host)
    await expect(host.client.getHandle('w').query(items)).rejects.toBeInstanceOf(SignalboxError)
  })
})
