import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  charge,
  charger,
  collector,
  finish,
  items,
  stray,
  ticker,
  ticks,
} from '../fixtures/workflows.ts'

const full = { code: 'SIGNALBOX_ERR_MAILBOX_FULL', status: 'RESOURCE_EXHAUSTED' }

type Outcome = 'acknowledged' | 'full'

const outcomeOf = (sending: Promise<unknown>): Promise<Outcome> =>
  sending.then(
    () => 'acknowledged' as const,
    (error: unknown) => {
      expect(error).toMatchObject(full)
      return 'full' as const
    },
  )

describe('11 Every queue has a bound', () => {
  test('a full mailbox says so; what it took is handled, what it refused never appears', async () => {
    const { client, gate } = await openGatedEngine({ limits: { maxMailboxDepth: 50 } })
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.query(items)
    gate.hold()
    const outcomes = numbers(80).map((n) => outcomeOf(handle.signal(add, n)))
    await expect(
      client.signalWithStart(collector, { workflowId: 'w', signal: add, signalArgs: ['more'] }),
    ).rejects.toMatchObject(full)
    gate.release()
    const taken = numbers(80).filter((_, i) => i < 50)
    expect((await Promise.all(outcomes)).filter((outcome) => outcome === 'full')).toHaveLength(30)
    expect(await handle.query(items)).toEqual(taken)
    // There is room again.
    await handle.signal(add, 'later')
    expect(await handle.query(items)).toEqual([...taken, 'later'])
  })

  test('the mailbox of a parked run fills up and refuses; others take what they are sent', async () => {
    const { client } = await openRuntime({ limits: { maxMailboxDepth: 20 } })
    const parked = await client.workflow.start(stray, { workflowId: 'parked', args: ['throw'] })
    const other = await client.workflow.start(collector, { workflowId: 'other' })
    const outcomes = await Promise.all(numbers(40).map((n) => outcomeOf(parked.signal(add, n))))
    expect(outcomes.filter((outcome) => outcome === 'acknowledged')).toHaveLength(19)
    expect((await parked.describe()).mailboxDepth).toBe(20)
    await other.signal(add, 1)
    expect(await other.query(items)).toEqual([1])
  })

  test('results, timers and cancellation get in where clients are refused', async () => {
    let end: (() => void) | undefined
    const { client, gate } = await openGatedEngine({
      limits: { maxMailboxDepth: 5 },
      activities: {
        record: (what: string) =>
          new Promise((resolve) => {
            end = () => resolve(`did ${what}`)
          }),
      },
    })
    const paying = await client.start(charger, { workflowId: 'paying' })
    const ticking = await client.start(ticker, { workflowId: 'ticking', args: [1_000, 5] })
    await paying.signal(charge, 'a')
    await eventually('the activity is under way', () => end !== undefined)
    gate.hold()
    for (const handle of [paying, ticking]) {
      const outcomes = numbers(12).map((n) => outcomeOf(handle.signal(add, n)))
      void Promise.all(outcomes)
    }
    await expect(paying.signal(add, 'more')).rejects.toMatchObject(full)
    end?.()
    const cancelled = ticking.cancel('enough')
    gate.release()
    await cancelled
    await eventually('there is room', async () => (await paying.describe()).mailboxDepth === 0)
    await paying.signal(finish)
    expect(await paying.result()).toEqual(['did a'])
    await expect(ticking.result()).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_FAILED' })
    expect(await ticking.query(ticks)).toBeGreaterThanOrEqual(0)
  })

  test('all workflows together have a bound too, and it frees itself', async () => {
    const { client, gate } = await openGatedEngine({ limits: { maxWaitingInputs: 100 } })
    const handles = await Promise.all(
      numbers(10).map((i) => client.start(collector, { workflowId: `w${i}` })),
    )
    await Promise.all(handles.map((handle) => handle.query(items)))
    gate.hold()
    const outcomes = handles.flatMap((handle) =>
      numbers(20).map((n) => outcomeOf(handle.signal(add, n))),
    )
    await expect(client.start(collector, { workflowId: 'new' })).rejects.toMatchObject(full)
    gate.release()
    const acknowledged = (await Promise.all(outcomes)).filter((outcome) => outcome !== 'full')
    expect(acknowledged).toHaveLength(100)
    const seen = await Promise.all(handles.map((handle) => handle.query(items)))
    expect(seen.flat()).toHaveLength(100)
    // Each round fills the runtime anew: what was handled has left the count.
    for (const _ of numbers(5)) {
      await Promise.all(handles.map((handle) => handle.signal(add, 'again')))
      await Promise.all(handles.map((handle) => handle.query(items)))
    }
  })

  test('bytes that are not on disk yet have a bound', async () => {
    const { client, gate } = await openGatedEngine({ limits: { maxUncommittedBytes: 100_000 } })
    const handle = await client.start(collector, { workflowId: 'w' })
    gate.hold()
    const outcomes = numbers(200).map((n) =>
      outcomeOf(handle.signal(add, `${n} ${'x'.repeat(1_000)}`)),
    )
    gate.release()
    const settled = await Promise.all(outcomes)
    const acknowledged = settled.filter((outcome) => outcome === 'acknowledged')
    expect(acknowledged.length).toBeGreaterThan(50)
    expect(acknowledged.length).toBeLessThan(101)
    expect(await handle.query(items)).toHaveLength(acknowledged.length)
    await handle.signal(add, 'later')
  })

  test('what closed runs never handled does not stay in the window of their slot', async () => {
    const { client, gate } = await openGatedEngine({
      slots: 1,
      limits: { slotWindowBytes: 50_000 },
    })
    for (const round of numbers(10)) {
      const handle = await client.start(collector, { workflowId: `w${round}` })
      await handle.query(items)
      gate.hold()
      const sending = numbers(10).map((n) => handle.signal(add, `${n} ${'x'.repeat(3_000)}`))
      const terminating = handle.terminate()
      gate.release()
      await Promise.all([...sending, terminating])
      // Asked, it is built anew, with all that it was sent.
      expect(await handle.query(items)).toEqual([])
    }
    const other = await client.start(collector, { workflowId: 'other' })
    await other.signal(add, 1)
    expect(await other.query(items)).toEqual([1])
  })

  test('a slow slot gets no more than its window, and all of it in the end', async () => {
    const { client } = await openRuntime({ slots: 1, limits: { slotWindowBytes: 20_000 } })
    const handles = await Promise.all(
      numbers(10).map((i) => client.workflow.start(collector, { workflowId: `w${i}` })),
    )
    await Promise.all(
      numbers(200).flatMap((n) =>
        handles.map((handle) => handle.signal(add, `${n} ${'x'.repeat(500)}`)),
      ),
    )
    for (const handle of handles) {
      const seen = await handle.query(items)
      expect(seen.map((item) => Number.parseInt(String(item), 10))).toEqual(numbers(200))
    }
  })

  test('a refused request id is not taken: the retry is a first try', async () => {
    const { client, gate } = await openGatedEngine({ limits: { maxMailboxDepth: 3 } })
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.query(items)
    gate.hold()
    const outcomes = numbers(5).map((n) =>
      outcomeOf(handle.signal({ signal: add, requestId: `r${n}` }, n)),
    )
    gate.release()
    expect(await Promise.all(outcomes)).toEqual([
      'acknowledged',
      'acknowledged',
      'acknowledged',
      'full',
      'full',
    ])
    await eventually('there is room', async () => (await handle.describe()).mailboxDepth === 0)
    await handle.signal({ signal: add, requestId: 'r4' }, 'another payload')
    expect(await handle.query(items)).toEqual([0, 1, 2, 'another payload'])
  })

  test('payloads have a bound, and the error names the field', async () => {
    const { client } = await openRuntime({ limits: { maxPayloadBytes: 1_000 } })
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await expect(handle.signal(add, 'x'.repeat(2_000))).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE',
      status: 'INVALID_ARGUMENT',
    })
    expect(await handle.query(items)).toEqual([])
  })
})
