import { SignalboxError, silentLogger, WorkflowFailedError } from 'signalbox'
import { Context, heartbeat } from 'signalbox/activity'
import {
  replayHistory,
  TestWorkflowEnvironment,
  type TimeSkippingTestWorkflowEnvironmentOptions,
} from 'signalbox/testing'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { bundleWorkflowCode, type WorkflowBundle } from 'signalbox'
import { fileURLToPath } from 'node:url'
import * as workflows from './workflows.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
let bundle: WorkflowBundle

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('workflows.ts', import.meta.url))
  bundle = await bundleWorkflowCode({ workflowsPath })
})

async function open(
  activities: Record<string, unknown> = {},
  options: Partial<TimeSkippingTestWorkflowEnvironmentOptions> = {},
): Promise<TestWorkflowEnvironment> {
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    workflowBundle: bundle,
    activities,
    logger: silentLogger,
    ...options,
  })
  onTestFinished(() => env.teardown())
  return env
}

describe('skipping time', () => {
  it('goes over 30 days while a result is awaited, with the activities on the way', async () => {
    const send = vi.fn(async (text: string) => text)
    const env = await open({ send })
    const before = await env.currentTimeMs()
    const result = await env.client.workflow.execute(workflows.trial, {
      workflowId: 'trial',
      args: ['ada'],
    })
    expect(result).toBe('paid')
    expect(send.mock.calls).toEqual([['ada: 5 days left'], ['ada: over']])
    const passed = (await env.currentTimeMs()) - before
    expect(passed).toBeGreaterThanOrEqual(30 * DAY_MS)
    expect(passed).toBeLessThan(31 * DAY_MS)
  })

  it('takes every step of a long way', async () => {
    const env = await open()
    const args: [number] = [720]
    const { ticks } = workflows
    expect(await env.client.workflow.execute(ticks, { workflowId: 'ticks', args })).toBe(720)
  })

  it('does not begin before somebody waits', async () => {
    const env = await open({ send: (text: string) => text })
    const { workflow } = env.client
    const handle = await workflow.start(workflows.trial, { workflowId: 'trial', args: ['ada'] })
    expect(await handle.query(workflows.state)).toBe('running')
    expect((await handle.describe()).status).toBe('RUNNING')
    await env.sleep('24 days')
    expect(await handle.query(workflows.state)).toBe('running')
    await env.sleep('1 day')
    expect(await handle.query(workflows.state)).toBe('reminded')
    await handle.signal(workflows.cancelTrial)
    expect(await handle.result()).toBe('cancelled late')
  })

  it('skips to the retries of an activity', async () => {
    let calls = 0
    const flaky = async (): Promise<number> => {
      calls++
      if (calls < 4) throw new Error('not yet')
      return calls
    }
    const env = await open({ flaky })
    const result = await env.client.workflow.execute(workflows.retried, { workflowId: 'retried' })
    // One, two and four hours between the attempts.
    expect(result).toEqual({ result: 4, hours: 7 })
  })

  it('does not strike an activity that runs with a timeout', async () => {
    const slow = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return 'activity'
    }
    const env = await open({ slow })
    const args: [number] = [2 * HOUR_MS]
    const { race } = workflows
    expect(await env.client.workflow.execute(race, { workflowId: 'race', args })).toBe('activity')
  })

  it.each([
    [20_000, 'timer'],
    [40_000, 'activity'],
  ])('lets an activity sleep for environment time; timer %i', async (timerMs, winner) => {
    const env: TestWorkflowEnvironment = await open({
      slow: async () => {
        await env.sleep(30_000)
        return 'activity'
      },
    })
    const args: [number] = [timerMs]
    const { race } = workflows
    expect(await env.client.workflow.execute(race, { workflowId: 'race', args })).toBe(winner)
  })

  it('passes an activity that hangs when told to sleep, so that its timeout strikes', async () => {
    const attempts = vi.fn(() => new Promise<string>(() => {}))
    const env = await open({ slow: attempts }, { activityGraceMs: 20 })
    const { workflow } = env.client
    const handle = await workflow.start(workflows.race, { workflowId: 'race', args: [1e9] })
    await env.sleep('2 hours')
    expect(attempts).toHaveBeenCalledTimes(2)
    await handle.terminate()
  })

  it('skips while the end of an update is awaited', async () => {
    const env = await open()
    const handle = await env.client.workflow.start(workflows.renewable, { workflowId: 'renewable' })
    const renew = { args: [30] as [number] }
    expect(await handle.executeUpdate(workflows.renew, renew)).toBe('after 30 days')
    await expect(handle.executeUpdate(workflows.renew, { args: [0] })).rejects.toThrow()
    const before = await env.currentTimeMs()
    const update = await handle.startUpdate(workflows.renew, {
      args: [7],
      waitForStage: 'ACCEPTED',
    })
    expect((await env.currentTimeMs()) - before).toBeLessThan(DAY_MS)
    expect(await update.result()).toBe('after 7 days')
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(7 * DAY_MS)
    expect(await handle.result()).toBe(2)
    await replayHistory(bundle, await handle.fetchHistory())
  })

  it('ends a workflow that waits for ever at its run timeout', async () => {
    const env = await open()
    const outcome = env.client.workflow.execute(workflows.waitForEver, {
      workflowId: 'for-ever',
      workflowRunTimeout: '10 days',
    })
    await expect(outcome).rejects.toThrow('Workflow execution timed out')
  })

  it('reaches the longest timer there is, from the given start', async () => {
    const startTime = new Date('2030-01-01T00:00:00Z')
    const env = await open({}, { startTime })
    const { startTime: workflow } = workflows
    const started = await env.client.workflow.execute(workflow, { workflowId: 'old' })
    expect(Math.abs(started - startTime.getTime())).toBeLessThan(60_000)
    expect(new Date(await env.currentTimeMs()).getUTCFullYear()).toBe(2129)
  })

  it('keeps the order of timers of several workflows', async () => {
    const texts: string[] = []
    const env = await open({ send: (text: string) => void texts.push(text) })
    const names = ['a', 'b', 'c']
    await Promise.all(
      names.map(async (name, day) => {
        await env.sleep(`${day} hours`)
        return env.client.workflow.execute(workflows.trial, { workflowId: name, args: [name] })
      }),
    )
    expect(texts).toEqual([
      ...names.map((name) => `${name}: 5 days left`),
      ...names.map((name) => `${name}: over`),
    ])
  })
})

describe('a test environment', () => {
  it('gives the failure of a workflow, as any client', async () => {
    const env = await open()
    const failed = env.client.workflow.execute(workflows.failing, { workflowId: 'failing' })
    await expect(failed).rejects.toBeInstanceOf(WorkflowFailedError)
    await expect(failed).rejects.toMatchObject({ cause: { type: 'Refused' } })
  })

  it('says that a workflow is parked instead of waiting for ever', async () => {
    const env = await open()
    const broken = env.client.workflow.execute(workflows.broken, { workflowId: 'broken' })
    await expect(broken).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
      message: expect.stringContaining('TypeError: not a failure of the workflow'),
    })
  })

  it('gives activities their context', async () => {
    const env = await open({
      send: async (text: string) => {
        heartbeat(text)
        return `${Context.current().info.activityType} ${text}`
      },
    })
    expect(
      await env.client.workflow.execute(workflows.trial, { workflowId: 'trial', args: ['ada'] }),
    ).toBe('paid')
  })

  it('refuses options that it does not have', async () => {
    const opened = TestWorkflowEnvironment.createTimeSkipping({
      workflowBundle: bundle,
      activites: {},
    } as TimeSkippingTestWorkflowEnvironmentOptions)
    await expect(opened).rejects.toBeInstanceOf(SignalboxError)
  })

  it('lets go of who waits when it ends', async () => {
    const env = await open()
    const { workflow } = env.client
    const handle = await workflow.start(workflows.waitForEver, { workflowId: 'for-ever' })
    const result = handle.result()
    const sleeping = env.sleep('1 year').then(() => env.sleep('1 year'))
    await env[Symbol.asyncDispose]()
    await expect(result).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_RUNTIME_CLOSED' })
    await sleeping
  })

  it('can run in real time', async () => {
    const env = await TestWorkflowEnvironment.createLocal({
      workflowBundle: bundle,
      activities: { slow: () => 'activity' },
      logger: silentLogger,
    })
    onTestFinished(() => env.teardown())
    expect(env.supportsTimeSkipping).toBe(false)
    const before = await env.currentTimeMs()
    const { race } = workflows
    const args: [number] = [60_000]
    expect(await env.client.workflow.execute(race, { workflowId: 'race', args })).toBe('activity')
    await env.sleep(5)
    const passed = (await env.currentTimeMs()) - before
    expect(passed).toBeGreaterThanOrEqual(5)
    expect(passed).toBeLessThan(60_000)
  })
})
