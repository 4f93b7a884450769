import { spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Runtime, type WorkflowFailedError } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { bundleOf, Lab, numbers, openRuntime, temporaryFolder } from '../fixtures/lab.ts'
import {
  add,
  cancellable,
  charge,
  charger,
  collector,
  fails,
  finish,
  items,
  ticker,
  ticks,
} from '../fixtures/workflows.ts'

const failed = { code: 'SIGNALBOX_ERR_WORKFLOW_FAILED' }

describe('Opening and closing', () => {
  test('a second process on the same data folder is refused with the name of the owner', async () => {
    const dataDir = path.join(await temporaryFolder(), 'data')
    const script = fileURLToPath(new URL('../fixtures/owner-process.ts', import.meta.url))
    const owner = spawn(process.execPath, ['--import', 'tsx', script, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => {
      owner.kill('SIGKILL')
    })
    for await (const line of createInterface({ input: owner.stdout })) if (line === 'open') break
    const open = (): Promise<Runtime> => Lab.at(dataDir).open()
    await expect(open()).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_DATA_DIR_LOCKED',
      message: expect.stringContaining(String(owner.pid)) as string,
    })
    // A folder whose owner was killed is free, at once or when its last sign of life is old.
    owner.kill('SIGKILL')
    await eventually('the folder is free', () =>
      open().then(
        () => true,
        () => false,
      ),
    )
  })

  test('a second runtime of one process on the same data folder is refused', async () => {
    const lab = await Lab.create()
    await lab.open()
    await expect(Lab.at(lab.dataDir).open()).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_DATA_DIR_LOCKED',
    })
  })

  test('an opening that fails lets go of the folder', async () => {
    const lab = await Lab.create()
    const inTheWay = path.join(lab.dataDir, 'turns')
    await mkdir(inTheWay, { recursive: true })
    await expect(lab.open()).rejects.toMatchObject({ code: 'EISDIR' })
    await rm(inTheWay, { recursive: true })
    await lab.open()
  })

  test('close waits for what was accepted, refuses what comes later, and can be called twice', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
    const sent = numbers(500).map((n) => handle.signal(add, n))
    const closing = runtime.close()
    await expect(handle.signal(add, 'late')).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_RUNTIME_CLOSED',
    })
    await Promise.all([...sent, closing, runtime.close()])
    expect(runtime.state).toBe('closed')
    await expect(handle.query(items)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_RUNTIME_CLOSED',
    })
    const { client } = await lab.open()
    expect(await client.workflow.getHandle('w').query(items)).toEqual(numbers(500))
  })

  test('who waits while the runtime closes is told', async () => {
    const lab = await Lab.create()
    const runtime = await lab.open()
    const handle = await runtime.client.workflow.start(collector, { workflowId: 'w' })
    const result = handle.result()
    result.catch(() => undefined)
    await runtime.close()
    await expect(result).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_RUNTIME_CLOSED' })
  })

  test('everybody who waits for the same result is told', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    const results = numbers(7).map(() => handle.result())
    await handle.signal(add, 1)
    await handle.signal(finish)
    expect(await Promise.all(results)).toEqual(numbers(7).map(() => [1]))
  })

  test('a process whose runtime was closed ends, whatever was waited for', async () => {
    const dataDir = path.join(await temporaryFolder(), 'data')
    const script = fileURLToPath(new URL('../fixtures/closed-process.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) lines.push(line)
    expect(lines).toEqual(['SIGNALBOX_ERR_RUNTIME_CLOSED', 'SIGNALBOX_ERR_RUNTIME_CLOSED'])
  })

  test('a failed open leaves the folder free', async () => {
    const lab = await Lab.create()
    const bundle = await bundleOf('workflows.ts')
    const broken = { ...bundle, workflowCode: 'this is no factory' }
    await expect(
      Runtime.open({ dataDir: lab.dataDir, workflowBundle: broken, slots: 1 }),
    ).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_BUNDLE_FAILED' })
    const { client } = await lab.open()
    await client.workflow.start(collector, { workflowId: 'w' })
  })

  test('workflows move between slots when their number changes', async () => {
    const lab = await Lab.create()
    const ids = numbers(40).map((i) => `w${i}`)
    for (const [round, slots] of [1, 4, 2, 3].entries()) {
      const { client } = await lab.reopen({ slots })
      await Promise.all(
        ids.map(async (workflowId) => {
          await client.workflow.signalWithStart(collector, {
            workflowId,
            signal: add,
            signalArgs: [round],
          })
          expect(await client.workflow.getHandle(workflowId).query(items)).toEqual(
            numbers(round + 1),
          )
        }),
      )
    }
  })
})

describe('Timers', () => {
  test('one that was due while nobody was there fires at the next open, and once', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open()
    const handles = await Promise.all(
      numbers(20).map((i) =>
        client.workflow.start(ticker, { workflowId: `w${i}`, args: [3, 100 + i] }),
      ),
    )
    await Promise.all(handles.map((handle) => handle.query(ticks)))
    await lab.close()
    await new Promise((resolve) => setTimeout(resolve, 250))
    const reopened = (await lab.open()).client.workflow
    for (const { workflowId } of handles) {
      const handle = reopened.getHandle<typeof ticker>(workflowId)
      expect(await handle.result()).toBe(3)
      const { events } = await handle.fetchHistory()
      const fired = events.filter(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_FIRED')
      expect(fired).toHaveLength(3)
      const started = events.filter(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED')
      for (const [i, { eventTime }] of fired.entries()) {
        const since = Date.parse(eventTime) - Date.parse(started[i]?.eventTime ?? '')
        expect(since).toBeGreaterThanOrEqual(100)
      }
    }
  })

  test('many at once each fire once, over restarts at any time', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open()
    const ids = numbers(100).map((i) => `w${i}`)
    await Promise.all(
      ids.map((workflowId, i) =>
        client.workflow.start(ticker, { workflowId, args: [10, 5 + (i % 20)] }),
      ),
    )
    for (const slots of [1, 2, 1]) {
      await new Promise((resolve) => setTimeout(resolve, 30))
      await lab.reopen({ slots })
    }
    const reopened = (await lab.reopen()).client.workflow
    for (const id of ids) expect(await reopened.getHandle<typeof ticker>(id).result()).toBe(10)
  })
})

describe('Ends that come from outside', () => {
  test('terminate closes at once; the reason is in the error and in history', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await handle.signal({ signal: add, waitFor: 'processed' }, 1)
    await handle.terminate('not needed')
    const error = await handle.result().catch((reason: unknown) => reason as WorkflowFailedError)
    expect(error).toMatchObject(failed)
    expect((error as WorkflowFailedError).cause).toMatchObject({
      name: 'TerminatedFailure',
      message: 'not needed',
    })
    expect((await handle.describe()).status).toBe('TERMINATED')
    expect(await handle.query(items)).toEqual([1])
    await expect(handle.terminate()).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
    })
  })

  test('cancel is for the workflow to heed, over a restart too', async () => {
    const lab = await Lab.create()
    const activities = { record: async (what: string) => `did ${what}` }
    const { client } = await lab.open({ activities })
    await client.workflow.start(cancellable, { workflowId: 'tidy' })
    await client.workflow.start(cancellable, { workflowId: 'plain' })
    const reopened = (await lab.reopen({ activities })).client.workflow
    const tidy = reopened.getHandle<typeof cancellable>('tidy')
    const plain = reopened.getHandle<typeof cancellable>('plain')
    await Promise.all([tidy.cancel('enough'), tidy.cancel('enough'), plain.cancel()])
    expect(await tidy.result()).toBe('did tidied')
    const error = await plain.result().catch((reason: unknown) => reason as WorkflowFailedError)
    expect((error as WorkflowFailedError).cause).toMatchObject({ name: 'CancelledFailure' })
    expect((await plain.describe()).status).toBe('CANCELED')
    await tidy.cancel()
  })

  test.each(['workflowRunTimeout', 'workflowExecutionTimeout'] as const)(
    '%s closes the run, also when it passed while nobody was there',
    async (timeout) => {
      const lab = await Lab.create()
      const { client } = await lab.open()
      const short = await client.workflow.start(collector, { workflowId: 'short', [timeout]: 80 })
      await client.workflow.start(collector, { workflowId: 'later', [timeout]: 400 })
      await client.workflow.start(collector, { workflowId: 'never', [timeout]: '1 day' })
      await expect(short.result()).rejects.toMatchObject(failed)
      await lab.close()
      await new Promise((resolve) => setTimeout(resolve, 450))
      const reopened = (await lab.open()).client.workflow
      await expect(reopened.getHandle('later').result()).rejects.toMatchObject(failed)
      for (const id of ['short', 'later']) {
        expect((await reopened.getHandle(id).describe()).status).toBe('TIMED_OUT')
      }
      const never = reopened.getHandle<typeof collector>('never')
      expect((await never.describe()).status).toBe('RUNNING')
      await never.signal(finish)
      expect(await never.result()).toEqual([])
    },
  )

  test('activities of a run that was closed from outside are told to stop', async () => {
    const stopped: string[] = []
    let listening = false
    const { client } = await openRuntime({
      activities: {
        record: (what: string) =>
          new Promise((_resolve, reject) => {
            void import('signalbox/activity').then(({ Context }) => {
              Context.current().cancellationSignal.addEventListener('abort', () => {
                stopped.push(what)
                reject(new Error('stopped'))
              })
              listening = true
            })
          }),
      },
    })
    const handle = await client.workflow.start(charger, { workflowId: 'w' })
    await handle.signal(charge, 'a')
    await eventually('it is under way', async () => {
      const { pendingActivities } = await handle.describe()
      return listening && pendingActivities[0]?.state === 'STARTED'
    })
    await handle.terminate()
    await eventually('it is told', () => stopped.length > 0)
    expect((await handle.describe()).pendingActivities).toEqual([])
  })

  test('an ApplicationFailure fails the workflow with its type and details', async () => {
    const { client } = await openRuntime()
    const error = await client.workflow
      .execute(fails, { workflowId: 'w' })
      .catch((reason: unknown) => reason as WorkflowFailedError)
    expect(error).toMatchObject(failed)
    expect((error as WorkflowFailedError).cause).toMatchObject({
      name: 'ApplicationFailure',
      message: 'out of stock',
      type: 'StockError',
      nonRetryable: true,
      details: [{ left: 0 }],
    })
  })
})
