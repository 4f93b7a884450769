import type { WorkflowHandle } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { numbers, openRuntime } from '../fixtures/lab.ts'
import {
  add,
  channelRoller,
  closesAtOnce,
  collector,
  finish,
  instant,
  items,
  lateHandler,
  roll,
  roller,
} from '../fixtures/workflows.ts'

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Send 0, 1, 2 … without a pause until `stop` is called. Gives back what was acknowledged. */
function stream(handle: WorkflowHandle): { stop: () => Promise<number[]> } {
  const acknowledged: number[] = []
  const refused: unknown[] = []
  const pending = new Set<Promise<void>>()
  let next = 0
  const stopping = new AbortController()
  const send = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (let burst = 0; burst < 20 && pending.size < 2_000; burst++) {
        const n = next++
        const done: Promise<void> = handle
          .signal(add, n)
          .then(
            () => void acknowledged.push(n),
            (error: unknown) => void refused.push(error),
          )
          .finally(() => pending.delete(done))
        pending.add(done)
      }
      await turnOfTheLoop()
    }
  }
  const sending = send()
  return {
    stop: async () => {
      stopping.abort()
      await sending
      await Promise.all(pending)
      for (const error of refused) {
        expect(error).toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND' })
      }
      return acknowledged.sort((a, b) => a - b)
    },
  }
}

describe('4 Never acknowledged and unseen', () => {
  test('what was acknowledged while the run closed is in its result, and nothing starves the close', async () => {
    const { client } = await openRuntime()
    for (const round of numbers(15)) {
      const handle = await client.workflow.start(collector, { workflowId: `w${round}` })
      const { stop } = stream(handle)
      for (const _ of numbers(1 + (round % 5))) await turnOfTheLoop()
      await handle.signal(finish)
      // The stream goes on until the workflow has closed: only then is it stopped.
      const result = await handle.result()
      const acknowledged = await stop()
      expect(result).toEqual(acknowledged)
    }
  })

  test('a run that closes with its first signal takes in those that race with it', async () => {
    const { client } = await openRuntime()
    for (const round of numbers(20)) {
      const workflowId = `w${round}`
      const handles = await Promise.all(
        numbers(50).map(async (n) => {
          if (n % 3 === 0) await turnOfTheLoop()
          return client.workflow.signalWithStart(closesAtOnce, {
            workflowId,
            signal: add,
            signalArgs: [n],
          })
        }),
      )
      const runs = new Set(handles.map(({ signaledRunId }) => signaledRunId))
      const seen: (number | string)[] = []
      for (const runId of runs) {
        seen.push(
          ...(await client.workflow.getHandle<typeof closesAtOnce>(workflowId, runId).result()),
        )
      }
      expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(50))
    }
  })

  test('a run that ends in its first turn has the signals that were acknowledged for it', async () => {
    const { client } = await openRuntime()
    for (const round of numbers(20)) {
      const workflowId = `w${round}`
      const handles = await Promise.all(
        numbers(30).map((n) =>
          client.workflow.signalWithStart(instant, { workflowId, signal: add, signalArgs: [n] }),
        ),
      )
      const runs = [...new Set(handles.map(({ signaledRunId }) => signaledRunId))]
      const results = await Promise.all(
        runs.map((runId) => client.workflow.getHandle<typeof instant>(workflowId, runId).result()),
      )
      expect(results.flat()).toEqual(numbers(30))
    }
  })

  test('a signal that is accepted after the closing turn and before its commit is handled', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.signal(add, 1)
    // The signal that ends it and those behind it are one commit after the other: the turn that
    // closes the run is over when the next commit ends.
    await handle.signal(finish)
    const late = handle.signal(add, 2).then(
      () => true,
      () => false,
    )
    gate.release()
    const result = await handle.result()
    expect(result).toEqual((await late) ? [1, 2] : [1])
  })

  test('continue-as-new takes waiting signals with it, in order, none lost or doubled', async () => {
    const { client } = await openRuntime()
    for (const round of numbers(10)) {
      const handle = await client.workflow.start(roller, { workflowId: `w${round}` })
      const { stop } = stream(handle)
      for (const _ of numbers(5)) {
        for (const __ of numbers(1 + (round % 4))) await turnOfTheLoop()
        await handle.signal(roll)
      }
      const acknowledged = await stop()
      await handle.signal(finish)
      expect(await handle.result()).toEqual(acknowledged)
    }
  })

  test('continue-as-new carries signals that nothing handled yet', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(lateHandler, { workflowId: 'w' })
    await Promise.all(numbers(500).map((n) => handle.signal(add, n)))
    await handle.signal(roll)
    await Promise.all(numbers(500, 500).map((n) => handle.signal(add, n)))
    expect(
      await eventually('the second run has them', async () => {
        const seen = await handle.query(items)
        return seen.length >= 1_000 && seen
      }),
    ).toEqual(numbers(1_000))
    await handle.signal(finish)
    expect(await handle.result()).toEqual(numbers(1_000))
  })

  test('continue-as-new carries more signals than a call has arguments', async () => {
    const { client } = await openRuntime({ limits: { maxMailboxDepth: 1_000_000 } })
    const handle = await client.workflow.start(lateHandler, { workflowId: 'w' })
    const count = 150_000
    await Promise.all(numbers(count).map((n) => handle.signal(add, n)))
    await handle.signal(roll)
    await handle.signal(finish)
    expect((await handle.result()).length).toBe(count)
  })

  test('continue-as-new carries what a channel still holds', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(channelRoller, { workflowId: 'w' })
    await Promise.all(numbers(300).map((n) => handle.signal(add, n)))
    await handle.signal(roll)
    await Promise.all(numbers(300, 300).map((n) => handle.signal(add, n)))
    await handle.signal(finish)
    expect(await handle.result()).toEqual(numbers(600))
  })

  test('what a terminated run never handled stays in its history', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.signal({ signal: add, waitFor: 'processed' }, 'seen')
    gate.hold()
    const signalled = handle.signal(add, 'unseen')
    const terminated = handle.terminate('no more')
    gate.release()
    await signalled
    await terminated
    const { events } = await handle.fetchHistory()
    const signals = events.filter(
      ({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED',
    )
    expect(signals).toHaveLength(2)
    expect(events.at(-1)?.eventType).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED')
    await expect(handle.signal(add, 'later')).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
  })

  test('who waits for a signal to be handled is told when the run closes without it', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    gate.hold()
    const signalled = handle.signal({ signal: add, waitFor: 'processed' }, 1)
    const terminated = handle.terminate()
    gate.release()
    await expect(signalled).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND' })
    await terminated
  })
})
