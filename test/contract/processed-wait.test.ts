import { describe, expect, test } from 'vitest'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { Lab } from '../fixtures/lab.ts'
import {
  add,
  collector,
  finish,
  items,
  misbehave,
  roll,
  rogue,
  roller,
} from '../fixtures/workflows.ts'

const brief = { waitFor: 'processed', timeoutMs: 30 } as const

describe("waitFor: 'processed' with a bound", () => {
  test('tells that a paused run has not handled the signal, which it handles later', async () => {
    const { client } = await (await Lab.create()).open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    expect(await handle.signal({ signal: add, ...brief, timeoutMs: 60_000 }, 0)).toEqual({
      processed: true,
    })
    await handle.pause()
    const once = { signal: add, requestId: 'one', ...brief }
    expect(await handle.signal(once, 1)).toEqual({ processed: false })
    expect(await handle.signal(once, 1)).toEqual({ processed: false })
    await handle.unpause()
    expect(await handle.signal({ ...once, timeoutMs: 60_000 }, 1)).toEqual({ processed: true })
    expect(await handle.query(items)).toEqual([0, 1])
  })

  test('tells it of a parked run and of a delayed start', async () => {
    const { client } = await (
      await Lab.create()
    ).open({ limits: { parkBackoffMs: 60_000, parkBackoffMaxMs: 60_000 } })
    const bad = await client.workflow.start(rogue, { workflowId: 'bad' })
    expect(await bad.signal({ signal: misbehave, ...brief }, 'throw')).toEqual({
      processed: false,
    })
    const started = await client.workflow.signalWithStart(collector, {
      workflowId: 'late',
      startDelay: '1 hour',
      signal: add,
      signalArgs: [1],
      ...brief,
    })
    expect(await started.describe()).toMatchObject({ delayed: true, mailboxDepth: 2 })
    expect(await started.signal({ signal: finish, ...brief })).toEqual({ processed: false })
  })

  test('ends with an abort signal, also one that was aborted before', async () => {
    const { client } = await (await Lab.create()).open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await handle.pause()
    const controller = new AbortController()
    const wait = { waitFor: 'processed', abortSignal: controller.signal } as const
    const waiting = handle.signal({ signal: add, ...wait }, 1)
    controller.abort()
    expect(await waiting).toEqual({ processed: false })
    expect(await handle.signal({ signal: add, ...wait }, 2)).toEqual({ processed: false })
    await handle.unpause()
    expect(await handle.query(items)).toEqual([1, 2])
  })

  test('passes codecs and interceptors', async () => {
    const seen: string[] = []
    const { client } = await (
      await Lab.create()
    ).open({
      dataConverter: { payloadCodecs: [new EncryptionCodec()] },
      interceptors: {
        client: [
          {
            signal: (input, next) => {
              seen.push(input.signalName)
              return next(input)
            },
          },
        ],
      },
    })
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    await handle.pause()
    const controller = new AbortController()
    const wait = { waitFor: 'processed', abortSignal: controller.signal } as const
    const waiting = handle.signal({ signal: add, ...wait }, 1)
    expect(await handle.signal({ signal: add, ...brief }, 2)).toEqual({ processed: false })
    controller.abort()
    expect(await waiting).toEqual({ processed: false })
    expect(seen).toEqual(['add', 'add'])
  })

  test('goes with the signal to the next run', async () => {
    const { client } = await (await Lab.create()).open()
    const handle = await client.workflow.start(roller, { workflowId: 'w' })
    const long = { waitFor: 'processed', timeoutMs: 60_000 } as const
    const answers = await Promise.all([
      handle.signal({ signal: add, ...long }, 1),
      handle.signal({ signal: roll, ...long }),
      handle.signal({ signal: add, ...long }, 2),
    ])
    expect(answers.at(-1)).toEqual({ processed: true })
    expect(await client.workflow.getHandle('w').query(items)).toEqual([1, 2])
  })

  test('is a number of milliseconds', async () => {
    const { client } = await (await Lab.create()).open()
    const handle = await client.workflow.start(collector, { workflowId: 'w' })
    for (const timeoutMs of [-1, Number.NaN]) {
      await expect(handle.signal({ signal: add, ...brief, timeoutMs }, 1)).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_ARGUMENT',
      })
    }
    expect(await handle.query(items)).toEqual([])
  })
})
