import { threadId } from 'node:worker_threads'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { giveUp, sender } from '../fixtures/activity-workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, openRuntime, temporaryFolder } from '../fixtures/lab.ts'
import { chain } from '../fixtures/local-activity-workflows.ts'

const file = fileURLToPath(new URL('../fixtures/pool-activities.ts', import.meta.url))
const interceptorsFile = fileURLToPath(
  new URL('../fixtures/activity-interceptors.ts', import.meta.url),
)
const code = 'activity-workflows.ts'
const open = (limits = {}) =>
  openRuntime({ code, activities: file, activityThreads: 2, limits, slots: 1 })

describe('activities of a file', () => {
  test('run in threads of their own, with the names of Temporal', async () => {
    const { client } = await open()
    const run = (workflowId: string, what: string) =>
      client.workflow.execute(sender, { workflowId, args: [what] })
    const [where, did] = await Promise.all([run('a', 'where'), run('b', 'much')])
    expect(Number(where)).not.toBe(threadId)
    expect(Number(where)).toBeGreaterThan(0)
    expect(did).toBe('errand did much')
  })

  test('that compute leave the host free', async () => {
    const { client } = await open()
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    expect(await client.workflow.execute(sender, { workflowId: 'w', args: ['compute'] })).toBe(
      'computed',
    )
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
  })

  test('keep class, type, details and cause of their errors', async () => {
    const { client } = await open()
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: ['fail'] })
    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        name: 'ActivityFailure',
        cause: {
          name: 'ApplicationFailure',
          message: 'no funds',
          type: 'CardDeclined',
          nonRetryable: true,
          details: [{ code: 51 }],
          cause: { message: 'limit' },
        },
      },
    })
  })

  test.each([
    ['die', {}],
    ['hang', { activityThreadTimeoutMs: 50 }],
  ])('a thread that %ss fails the attempt, and the retry policy decides', async (what, limits) => {
    const { client } = await open(limits)
    const handle = await client.workflow.start(sender, { workflowId: 'w', args: [what] })
    if (what === 'hang') {
      await eventually('it is under way', async () => {
        const [pending] = (await handle.describe()).pendingActivities
        return pending?.state === 'STARTED'
      })
      const other = client.workflow.execute(sender, { workflowId: 'x', args: ['other'] })
      expect(await other).toBe('errand did other')
      await handle.signal(giveUp)
      // It heeds nothing, so its thread is ended; after a cancel request nothing is tried again.
      await expect(handle.result()).rejects.toMatchObject({
        cause: { cause: { type: 'ActivityThreadDied' } },
      })
    } else expect(await handle.result()).toBe('attempt 2')
    expect(await client.workflow.execute(sender, { workflowId: 'y', args: ['more'] })).toBe(
      'errand did more',
    )
  })

  test('heartbeat, hear of their cancellation, and are completed from outside', async () => {
    const { client } = await open()
    const stopped = await client.workflow.start(sender, { workflowId: 'stop', args: ['stop'] })
    await eventually('it has beaten', async () => {
      const [pending] = (await stopped.describe()).pendingActivities
      return pending?.heartbeatDetails?.[0] === '"listening"'
    })
    await stopped.signal(giveUp)
    expect(await stopped.result()).toBe('given up')

    const left = await client.workflow.start(sender, { workflowId: 'left', args: ['leave'] })
    const token = await eventually('its token is there', async () => {
      const [pending] = (await left.describe()).pendingActivities
      const details = pending?.heartbeatDetails?.[0]
      return typeof details === 'string' ? (JSON.parse(details) as string) : undefined
    })
    await client.activity.complete(Buffer.from(token, 'base64'), 'from outside')
    expect(await left.result()).toBe('from outside')
  })

  test('are local ones, too', async () => {
    const { client } = await openRuntime({
      code: 'local-activity-workflows.ts',
      activities: file,
      slots: 1,
    })
    const trace = await client.workflow.execute(chain, { workflowId: 'w', args: [1] })
    expect(trace[0]).toBe('errand did local 1')
  })

  test('have the interceptors of modules around them, in their own threads', async () => {
    const interceptors = { activityModules: [interceptorsFile] }
    const run = async (options: object): Promise<unknown> => {
      const { client } = await openRuntime({ code, slots: 1, interceptors, ...options })
      return client.workflow.execute(sender, { workflowId: 'w', args: ['much'] })
    }
    const inThread = await run({ activities: file })
    expect(inThread).toMatch(/^errand did much in [1-9]\d*, attempt 1$/)
    // Functions have them too, on the thread of the runtime.
    const activities = { errand: (what: string) => Promise.resolve(what) }
    expect(await run({ activities })).toBe(`much in ${threadId}, attempt 1`)
  })

  test.each([
    ['has none', 'export const one = 1\n', /does not export a function `interceptors`/],
    ['throws', 'throw new Error("broken")\n', /cannot be loaded: \S+interceptors\.mjs:1:7: broken/],
  ])('are refused with a module of interceptors that %s', async (_, content, problem) => {
    const module = path.join(await temporaryFolder(), 'interceptors.mjs')
    await writeFile(module, content)
    for (const activities of [file, { errand: () => Promise.resolve() }]) {
      const lab = await Lab.create()
      const interceptors = { activityModules: [module] }
      await expect(lab.open({ code, activities, interceptors })).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        message: expect.stringMatching(problem),
      })
    }
  })

  test('refuse interceptors that cannot be in their threads', async () => {
    const lab = await Lab.create()
    const interceptors = { activity: [() => ({})] }
    await expect(lab.open({ code, activities: file, interceptors })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_OPTION',
      message: expect.stringContaining('activityModules'),
    })
  })

  test('of a file that cannot be used are refused by name', async () => {
    const folder = await temporaryFolder()
    const empty = path.join(folder, 'empty.mjs')
    await writeFile(empty, 'export const one = 1\n')
    for (const [activities, problem] of [
      [empty, /exports no function/],
      [path.join(folder, 'missing.mjs'), /missing\.mjs/],
    ] as const) {
      const lab = await Lab.create()
      await expect(lab.open({ code, activities })).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        message: expect.stringMatching(problem),
      })
    }
    const lab = await Lab.create()
    await expect(lab.open({ activityThreads: 2 })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_INVALID_OPTION',
    })
  })
})
