import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { add, collector, finish, firstSight, items } from '../fixtures/workflows.ts'

const sorted = (values: (number | string)[]): number[] =>
  values.map(Number).toSorted((a, b) => a - b)

describe('6 SignalWithStart is atomic', () => {
  test('however many race, one run of each id starts and every signal is in it', async () => {
    const { client } = await openRuntime()
    const ids = numbers(8).map((i) => `w${i}`)
    const handles = await Promise.all(
      numbers(400).flatMap((n) =>
        ids.map(async (workflowId) => {
          if (n % 11 === 0) await new Promise((resolve) => setImmediate(resolve))
          return client.workflow.signalWithStart(collector, {
            workflowId,
            signal: add,
            signalArgs: [n],
          })
        }),
      ),
    )
    for (const workflowId of ids) {
      const runs = handles.filter((handle) => handle.workflowId === workflowId)
      expect(new Set(runs.map(({ signaledRunId }) => signaledRunId)).size).toBe(1)
      expect(sorted(await client.workflow.getHandle(workflowId).query(items))).toEqual(numbers(400))
    }
    const { count } = await client.workflow.count()
    expect(count).toBe(ids.length)
  })

  test('the signal is in the first turn', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.signalWithStart(firstSight, {
      workflowId: 'w',
      signal: add,
      signalArgs: ['hello'],
    })
    expect(await handle.result()).toEqual(['hello'])
  })

  test('it starts and signals whole or not at all', async () => {
    const { client } = await openRuntime({ limits: { maxPayloadBytes: 1_000 } })
    await expect(
      client.workflow.signalWithStart(collector, {
        workflowId: 'w',
        signal: add,
        signalArgs: ['x'.repeat(2_000)],
      }),
    ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE' })
    await expect(client.workflow.getHandle('w').describe()).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
  })

  test('one that is refused leaves the running workflow that it would have replaced', async () => {
    const { client } = await openRuntime({ limits: { maxPayloadBytes: 1_000 } })
    const running = await client.workflow.start(collector, { workflowId: 'w' })
    for (const large of ['args', 'signalArgs'] as const) {
      await expect(
        client.workflow.signalWithStart(collector, {
          workflowId: 'w',
          workflowIdConflictPolicy: 'TERMINATE_EXISTING',
          signal: add,
          signalArgs: ['x'],
          ...({ [large]: ['x'.repeat(2_000)] } as object),
        }),
      ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE' })
    }
    await expect(
      client.workflow.start(collector, {
        workflowId: 'w',
        workflowIdConflictPolicy: 'TERMINATE_EXISTING',
        memo: { large: 'x'.repeat(2_000) },
      }),
    ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_PAYLOAD_TOO_LARGE' })
    expect((await running.describe()).status).toBe('RUNNING')
    await running.signal(add, 1)
    expect(await running.query(items)).toEqual([1])
  })

  test('racing senders while the first start is not on disk yet share its run', async () => {
    const { client, gate } = await openGatedEngine()
    gate.hold()
    const racing = numbers(100).map((n) =>
      client.signalWithStart(collector, { workflowId: 'w', signal: add, signalArgs: [n] }),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    racing.push(
      ...numbers(100, 100).map((n) =>
        client.signalWithStart(collector, { workflowId: 'w', signal: add, signalArgs: [n] }),
      ),
    )
    gate.release()
    const handles = await Promise.all(racing)
    expect(new Set(handles.map(({ signaledRunId }) => signaledRunId)).size).toBe(1)
    expect(await client.getHandle('w').query(items)).toEqual(numbers(200))
  })

  test('with one request id it happens once, over a restart too', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open()
    const send = (n: number): Promise<string | undefined> =>
      client.workflow
        .signalWithStart(collector, {
          workflowId: 'w',
          requestId: 'r',
          signal: add,
          signalArgs: [n],
        })
        .then(({ signaledRunId }) => signaledRunId)
    const runs = await Promise.all(numbers(20).map(() => send(1)))
    ;({ client } = await lab.reopen())
    runs.push(await send(1))
    expect(new Set(runs).size).toBe(1)
    await expect(send(2)).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_REQUEST_ID_REUSED' })
    const handle = client.workflow.getHandle<typeof collector>('w')
    await handle.signal(finish)
    expect(await handle.result()).toEqual([1])
    // The run that took it has closed; a late retry must not start another one.
    expect(await send(1)).toBe(runs[0])
    expect((await client.workflow.count()).count).toBe(1)
  })
})
