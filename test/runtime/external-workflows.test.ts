import { describe, expect, onTestFinished, test } from 'vitest'
import { openMemoryJournal } from '../../runtime/journal-memory.ts'
import { openEngine, openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import {
  basket,
  cancels,
  done,
  double,
  give,
  leaves,
  noted,
  onCue,
  pours,
  relay,
  slowEnd,
  step,
  takesBack,
  tidies,
  writesTo,
} from '../fixtures/family.ts'
import { numbers, openRuntime } from '../fixtures/lab.ts'

const code = 'family.ts'
const notFound =
  'ApplicationFailure(ExternalWorkflowExecutionNotFound): ' +
  'Unable to signal external workflow because it was not found'

describe('a signal to another workflow', () => {
  test('is delivered in order, also those of the turn that closes the sender', async () => {
    const { client } = await openRuntime({ code, slots: 3 })
    const target = await client.workflow.start(basket, { workflowId: 'b' })
    await Promise.all(
      numbers(5).map((n) =>
        client.workflow.execute(pours, { workflowId: `p${n}`, args: ['b', 200] }),
      ),
    )
    await target.signal(done)
    const given = await target.result()
    expect(given).toHaveLength(1_000)
    const lastOf = new Map<number, number>()
    for (const n of given) lastOf.set(n, (lastOf.get(n) ?? 0) + 1)
    expect([...lastOf.values()].every((count) => count === 5)).toBe(true)
  })

  test('to nobody, to a closed workflow, to itself or to a run that is over is refused', async () => {
    const { client } = await openRuntime({ code })
    await client.workflow.execute(double, { workflowId: 'closed', args: [1] })
    await client.workflow.start(basket, { workflowId: 'b' })
    expect(
      await client.workflow.execute(writesTo, {
        workflowId: 'w',
        args: [['b', 'nobody', 'closed', 'w']],
      }),
    ).toEqual(['b has it', notFound, notFound, notFound])
    const { runId } = await client.workflow.getHandle('b').describe()
    await client.workflow.getHandle('b').signal(done)
    await client.workflow.getHandle('b').result()
    await client.workflow.start(basket, { workflowId: 'b' })
    expect(
      await client.workflow.execute(writesTo, { workflowId: 'w', args: [['b'], runId] }),
    ).toEqual([notFound])
  })

  test('that is cancelled before it was sent is not sent', async () => {
    const { client } = await openRuntime({ code })
    const target = await client.workflow.start(basket, { workflowId: 'b' })
    expect(await client.workflow.execute(takesBack, { workflowId: 'w', args: ['b'] })).toBe(
      'CancelledFailure: Signal was cancelled before being sent',
    )
    await target.signal(done)
    expect(await target.result()).toEqual([])
  })

  test('draws on a reserve: a mailbox that is full for clients takes it', async () => {
    const { client } = await openRuntime({ code, limits: { maxMailboxDepth: 3 } })
    const target = await client.workflow.start(basket, { workflowId: 'b' })
    await client.workflow.execute(pours, { workflowId: 'p', args: ['b', 500] })
    await eventually('the target has them', async () => (await target.query(noted)).length === 500)
  })

  test('says in the history whom it is from', async () => {
    const { client } = await openRuntime({ code })
    const target = await client.workflow.start(basket, { workflowId: 'b' })
    const sender = await client.workflow.start(writesTo, { workflowId: 'w', args: [['b']] })
    await sender.result()
    const { runId } = await sender.describe()
    const { events } = await target.fetchHistory()
    expect(events.find(({ eventType }) => eventType.endsWith('EXECUTION_SIGNALED'))).toMatchObject({
      workflowExecutionSignaledEventAttributes: {
        externalWorkflowExecution: { workflowId: 'w', runId },
      },
    })
  })
})

describe('cancelling another workflow', () => {
  test('reaches it, and its code decides', async () => {
    const { client } = await openRuntime({ code })
    const target = await client.workflow.start(tidies, { workflowId: 't' })
    expect(await client.workflow.execute(cancels, { workflowId: 'c', args: ['t'] })).toBe('asked')
    expect(await target.result()).toBe('tidied')
    // As for a client: what has closed has nothing to be cancelled.
    expect(await client.workflow.execute(cancels, { workflowId: 'c', args: ['t'] })).toBe('asked')
  })

  test('that is not there is an error', async () => {
    const { client } = await openRuntime({ code })
    expect(await client.workflow.execute(cancels, { workflowId: 'c', args: ['nobody'] })).toBe(
      'ApplicationFailure(ExternalWorkflowExecutionNotFound): ' +
        'Unable to cancel external workflow because not found',
    )
  })
})

/** A target in the middle of its close, which a signal came into, and a sender that has been cued. */
async function heldEffect(what: 'signal' | 'cancel' | 'start', numbersToSend: number[]) {
  const lab = await openGatedEngine({ slots: 2 }, code)
  const { client, engine } = lab
  const target = await client.start(slowEnd, { workflowId: 't', args: [300_000_000] })
  await target.signal({ signal: give, waitFor: 'processed' }, 100)
  const slot = (id: string): number => {
    const run = engine.runs.current('default', id)
    return run === undefined ? -1 : engine.dispatcher.slotOf(run).index
  }
  const senders = await Promise.all(
    numbers(10).map((n) =>
      client.start(onCue, { workflowId: `s${n}`, args: [what, 't', numbersToSend] }),
    ),
  )
  const sender = senders.find((handle) => slot(handle.workflowId) !== slot('t'))
  if (sender === undefined) throw new Error('all workflows are in one slot')
  const run = engine.runs.current('default', 't')
  await target.signal(done)
  // It comes while the closing turn runs, so that turn is done again together with it.
  await target.signal(give, 200)
  await eventually('the close waits for the signal', () => run?.closing !== undefined)
  await sender.signal(step, 'now')
  const held = (): number =>
    [...lab.store.rows.keys()].filter((key) => key.startsWith('\u0006\u0000')).length
  await eventually('the effect is held back, durably', () => held() > 0)
  return { ...lab, target, sender, held }
}

describe('a target that is closing', () => {
  test.each(['signal', 'cancel', 'start'] as const)('holds a %s back', async (what) => {
    const { target, sender, held } = await heldEffect(what, [1, 2, 3])
    const results = { signal: notFound, cancel: 'done', start: 'done' }
    expect(await target.result()).toEqual([100, 200])
    expect(await sender.result()).toBe(results[what])
    expect(held()).toBe(0)
  })

  test('and the process may die meanwhile: each signal is there once, in order', async () => {
    const { store, engine } = await heldEffect('signal', [1, 2, 3])
    store.breakDown(new Error('the process died here'))
    await eventually('it is dead', () => engine.state === 'poisoned')
    const after = await openEngine(openMemoryJournal(store), { slots: 2 }, code)
    onTestFinished(() => after.close())
    // Nothing was closing after the crash, so what was held back went in first.
    expect(await after.client.getHandle('t').result()).toEqual([100, 200, 1, 2, 3])
    const said = await Promise.all(
      numbers(10).map(async (n) => {
        const { status } = await after.client.getHandle(`s${n}`).describe()
        return status
      }),
    )
    expect(said.filter((status) => status === 'COMPLETED')).toHaveLength(1)
    expect([...store.rows.keys()].filter((key) => key.startsWith('\u0006'))).toEqual([])
  })

  test('that continues as new: the next run gets it', async () => {
    const { client } = await openRuntime({ code })
    for (const round of numbers(5)) {
      const id = `r${round}`
      const target = await client.workflow.start(relay, { workflowId: id, args: [20] })
      await Promise.all(
        numbers(10).map((n) =>
          client.workflow.execute(pours, { workflowId: `p${round}-${n}`, args: [id, 10] }),
        ),
      )
      await target.signal(done)
      expect(await target.result()).toMatch(/^after /)
    }
  })
})

test('a parent close policy reaches the run that continues the child', async () => {
  const { client } = await openRuntime({ code })
  const parent = await client.workflow.start(leaves, { workflowId: 'p', args: ['TERMINATE', 'c'] })
  await eventually('the child is there', () =>
    client.workflow
      .getHandle('c')
      .describe()
      .then(
        () => true,
        () => false,
      ),
  )
  await parent.terminate()
  expect((await client.workflow.getHandle('c').describe()).status).toBe('TERMINATED')
})
