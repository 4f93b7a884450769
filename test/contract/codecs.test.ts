import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { SignalboxError, WorkflowFailedError } from 'signalbox'
import { ApplicationFailure } from 'signalbox/workflow'
import { describe, expect, test } from 'vitest'
import { end, keeper, memoOf, roll, swap, tell, told } from '../fixtures/codec-workflows.ts'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers } from '../fixtures/lab.ts'
import { restsIn } from '../fixtures/rests-in.ts'

const code = 'codec-workflows.ts'
const activities = {
  echo: (value: unknown) => Promise.resolve(value),
  refuse: (value: string) =>
    Promise.reject(
      new Error(`the activity refuses`, {
        cause: ApplicationFailure.create({ message: 'no', details: [value] }),
      }),
    ),
}
const codecs = (faults?: EncryptionCodec['faults']) => ({
  code,
  activities,
  dataConverter: { payloadCodecs: [new EncryptionCodec(faults)] },
})

describe('with a codec that encrypts', () => {
  test('nothing of the users rests in the data folder, over the whole life of workflows', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open(codecs())
    const start = {
      args: [['PLAIN-argument']] as [unknown[]],
      memo: { note: 'PLAIN-memo' },
      staticSummary: 'PLAIN-summary',
      staticDetails: 'PLAIN-details',
    }
    const handle = await client.workflow.signalWithStart(keeper, {
      ...start,
      workflowId: 'w',
      signal: tell,
      signalArgs: ['PLAIN-first'],
    })
    await handle.signal(tell, { text: 'PLAIN-signal' })
    const description = await handle.describe()
    expect(await description.staticSummary()).toBe('PLAIN-summary')
    expect(await description.staticDetails()).toBe('PLAIN-details')
    await handle.signal(roll)
    await handle.signal(tell, new TextEncoder().encode('PLAIN-bytes'))
    expect(await handle.query(memoOf)).toEqual({ note: 'PLAIN-memo' })
    await handle.signal(end, 'activity')
    const result = ['PLAIN-argument', 'PLAIN-first', { text: 'PLAIN-signal' }]
    const kept = (await handle.result()) as unknown[]
    expect(kept.slice(0, 3)).toEqual(result)
    expect(Object.values(kept[3] as object)).toEqual([...new TextEncoder().encode('PLAIN-bytes')])

    const failing = await client.workflow.start(keeper, { ...start, workflowId: 'f' })
    await failing.signal(end, 'fail')
    const error = await failing.result().catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(WorkflowFailedError)
    expect((error as WorkflowFailedError).cause).toMatchObject({
      type: 'Told',
      details: ['PLAIN-detail', ['PLAIN-argument']],
    })
    const refused = await client.workflow.start(keeper, { ...start, workflowId: 'r' })
    await refused.signal(end, 'refuse')
    await expect(refused.result()).rejects.toMatchObject({
      cause: { cause: { cause: { details: ['PLAIN-refused'] } } },
    })
    const stopped = await client.workflow.start(keeper, { ...start, workflowId: 't' })
    await stopped.terminate('a reason')
    for await (const { memo } of client.workflow.list()) {
      expect(memo).toEqual({ note: '"PLAIN-memo"' })
    }

    expect(await restsIn(lab.dataDir, 'PLAIN-')).toBe(false)
    // The search itself finds what is there.
    expect(await restsIn(lab.dataDir, 'keeper')).toBe(true)
    // As on Temporal, a history shows what rests.
    expect(JSON.stringify(await handle.fetchHistory())).not.toContain(
      Buffer.from('"PLAIN-signal"').toString('base64').slice(0, 12),
    )
    const reopened = await lab.reopen(codecs())
    expect(await reopened.client.workflow.getHandle('w').query(told)).toHaveLength(5)
    expect(await restsIn(lab.dataDir, 'PLAIN-')).toBe(false)
  })

  test('updates are encrypted, and one that is asked for again is found', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open(codecs())
    const handle = await client.workflow.start(keeper, { workflowId: 'w' })
    const swapped = ['PLAIN-swapped', 'PLAIN-value']
    const once = { args: ['PLAIN-value'] as [unknown], updateId: 'once' }
    expect(await handle.executeUpdate(swap, once)).toEqual(swapped)
    expect(await handle.executeUpdate(swap, once)).toEqual(swapped)
    for (const value of ['PLAIN-fail', 'PLAIN-refuse']) {
      await expect(handle.executeUpdate(swap, { args: [value] })).rejects.toMatchObject({
        cause: { details: [value] },
      })
    }
    const reopened = await lab.reopen(codecs())
    const again = reopened.client.workflow.getHandle('w')
    expect(await again.executeUpdate(swap, once)).toEqual(swapped)
    expect(await again.query(told)).toEqual(['PLAIN-value'])
    expect(await restsIn(lab.dataDir, 'PLAIN-')).toBe(false)
  })

  test('kill -9 loses nothing acknowledged, keeps the order and leaves no plain text', async () => {
    const lab = await Lab.create()
    const program = fileURLToPath(new URL('../fixtures/codec-process.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', program, lab.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let last = -1
    for await (const line of createInterface(child.stdout)) {
      last = Number(line)
      if (last === 34) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    expect(child.signalCode).toBe('SIGKILL')
    expect(await restsIn(lab.dataDir, 'PLAIN-')).toBe(false)
    const { client } = await lab.open(codecs())
    const handle = client.workflow.getHandle('w')
    // A retry with the same id is found out, whatever its encryption makes of it.
    await handle.signal({ signal: tell, requestId: `r${last}` }, `PLAIN-${last}`)
    const seen = (await handle.query(told)) as string[]
    expect(seen.slice(0, last + 2)).toEqual([
      'PLAIN-argument',
      ...numbers(last + 1).map((n) => `PLAIN-${n}`),
    ])
    expect(seen.length).toBeLessThanOrEqual(last + 3)
  })
})

describe('request ids with a codec that never gives the same twice', () => {
  test('the same payload is a duplicate, another is an error', async () => {
    const lab = await Lab.create()
    const { client } = await lab.open(codecs())
    const options = { workflowId: 'w', requestId: 's', args: [['a']] as [unknown[]] }
    const handle = await client.workflow.start(keeper, options)
    expect((await client.workflow.start(keeper, options)).firstExecutionRunId).toBe(
      handle.firstExecutionRunId,
    )
    await expect(
      client.workflow.start(keeper, { ...options, args: [['b']] }),
    ).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_REQUEST_ID_REUSED',
    })
    const once = { signal: tell, requestId: 'r' }
    // Not awaited: the second finds the first before it is in the journal.
    await Promise.all([handle.signal(once, 'x'), handle.signal(once, 'x')])
    await handle.signal({ ...once, waitFor: 'processed' }, 'x')
    await expect(handle.signal(once, 'y')).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_REQUEST_ID_REUSED',
    })
    expect(await handle.query(told)).toEqual(['a', 'x'])
  })
})

describe('codecs that fail', () => {
  test('a failure to encode refuses the call and frees its place', async () => {
    const lab = await Lab.create()
    let broken = false
    const { client } = await lab.open(
      codecs({
        before: async (direction) => {
          if (broken && direction === 'encode') throw new Error('no key')
        },
      }),
    )
    const handle = await client.workflow.start(keeper, { workflowId: 'w' })
    broken = true
    const refused = handle.signal(tell, 'lost')
    broken = false
    const taken = handle.signal(tell, 'kept')
    await expect(refused).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_PAYLOAD_CODEC' })
    await taken
    expect(await handle.query(told)).toEqual(['kept'])
  })

  test('a codec that does not answer has failed', async () => {
    const lab = await Lab.create()
    let deaf = false
    const { client } = await lab.open({
      ...codecs({ before: () => (deaf ? new Promise(() => undefined) : Promise.resolve()) }),
      limits: { codecTimeoutMs: 50 },
    })
    const handle = await client.workflow.start(keeper, { workflowId: 'w' })
    deaf = true
    await expect(handle.signal(tell, 1)).rejects.toThrow('codecTimeoutMs = 50')
  })

  test('a failure to decode parks the run, and nothing is lost', async () => {
    const lab = await Lab.create()
    let broken = false
    const options = {
      ...codecs({
        before: async (direction) => {
          if (broken && direction === 'decode') throw new Error('no key')
        },
      }),
      limits: { parkBackoffMs: 1 },
    }
    const { client } = await lab.open(options)
    const handle = await client.workflow.start(keeper, { workflowId: 'w' })
    await handle.signal(tell, 1)
    expect(await handle.query(told)).toEqual([1])
    broken = true
    await handle.signal(tell, 2)
    await handle.signal(tell, 3)
    const parked = await eventually('a parked run', async () => {
      const error = await handle.query(told).catch((cause: unknown) => cause)
      return error instanceof SignalboxError ? error : undefined
    })
    expect(parked.code).toBe('SIGNALBOX_ERR_WORKFLOW_NOT_READY')
    expect(parked.message).toContain('no key')
    broken = false
    await handle.signal({ signal: tell, waitFor: 'processed' }, 4)
    expect(await handle.query(told)).toEqual([1, 2, 3, 4])
  })

  test('a failure to encode commands parks the run, and the turn is done again', async () => {
    const lab = await Lab.create()
    let broken = false
    const { client } = await lab.open({
      ...codecs({
        before: async (direction, payloads) => {
          const text = Buffer.concat(payloads.map(({ data }) => data ?? Buffer.alloc(0))).toString()
          if (broken && direction === 'encode' && text.includes('kept')) throw new Error('no key')
        },
      }),
      limits: { parkBackoffMs: 1 },
    })
    const handle = await client.workflow.start(keeper, { workflowId: 'w' })
    await handle.signal(tell, 'kept')
    broken = true
    await handle.signal(end, 'activity')
    await eventually('a parked run', async () =>
      (await handle.describe()).parked?.reason.includes('no key'),
    )
    broken = false
    expect(await handle.result()).toEqual(['kept', ['kept']])
  })
})

describe('order', () => {
  test('signals keep the order of their calls through codecs of any speed that fail at random', async () => {
    const lab = await Lab.create()
    let delays: readonly number[] = []
    let next = 0
    const { client } = await lab.open({
      ...codecs({
        before: async (_direction, payloads) => {
          const delay = delays[next++ % Math.max(1, delays.length)] ?? 0
          for (let i = 0; i < delay % 10; i++) await new Promise((resolve) => setImmediate(resolve))
          const text = Buffer.from(payloads[0]?.data ?? []).toString()
          if (text.includes('refuse')) throw new Error('refused')
        },
      }),
    })
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ fails: fc.boolean(), delay: fc.nat(9) }), { maxLength: 30 }),
        async (calls) => {
          delays = calls.map(({ delay }) => delay)
          const handle = await client.workflow.start(keeper, { workflowId: `o${runs++}` })
          const sent = calls.map(({ fails }, n) => handle.signal(tell, fails ? `refuse ${n}` : n))
          const outcomes = await Promise.allSettled(sent)
          expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(
            calls.map(({ fails }) => fails),
          )
          expect(await handle.query(told)).toEqual(
            calls.flatMap(({ fails }, n) => (fails ? [] : [n])),
          )
        },
      ),
      { numRuns: 25 },
    )
  })
})
