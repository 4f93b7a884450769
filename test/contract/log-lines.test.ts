import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Logger, Runtime } from 'signalbox'
import { log } from 'signalbox/activity'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  asksProcess,
  earn,
  givesFunction,
  loyalty,
  plainError,
  spins,
  talker,
} from '../fixtures/beginner-workflows.ts'
import { eventually } from '../fixtures/eventually.ts'
import { bundleOf, openRuntime, temporaryFolder } from '../fixtures/lab.ts'

const code = 'beginner-workflows.ts'
const file = fileURLToPath(new URL(`../fixtures/${code}`, import.meta.url))
const limits = { deadlockTimeoutMs: 250, parkBackoffMs: 20, parkBackoffMaxMs: 50, maxStrikes: 2 }

interface Line {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

function listener(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const note = (fields: object, message: string): void => {
    lines.push({ fields: { ...fields }, message })
  }
  return { logger: { debug: note, info: note, warn: note, error: note }, lines }
}

test('a parked run is told of with its place, its attempt and, the first time, what that means', async () => {
  const { logger, lines } = listener()
  const { client } = await openRuntime({ code, logger, limits })
  const handle = await client.workflow.start(plainError, { workflowId: 'w' })
  const [first, second] = await eventually('it was tried twice', () => {
    const parks = lines.filter(({ message }) => message === 'run parked')
    return parks.length >= 2 && parks
  })
  const { runId } = await handle.describe()
  expect(first?.fields).toEqual({
    workflowId: 'w',
    runId,
    reason: 'Error: plain error',
    at: expect.stringMatching(/^plainError \(.*beginner-workflows\.ts:11:9\)$/),
    attempt: 1,
    nextAttemptTime: expect.stringMatching(/^\d{4}-.*Z$/),
    advice: expect.stringMatching(/no failure of the workflow.*tried again.*ApplicationFailure/),
  })
  expect(first?.fields['at']).toContain(file)
  expect(second?.fields).toMatchObject({ attempt: 2 })
  expect(second?.fields).not.toHaveProperty('advice')
})

test('the reason says that it is the result that cannot be converted, and what to use for process', async () => {
  const { client } = await openRuntime({ code, limits })
  const result = await client.workflow.start(givesFunction, { workflowId: 'result' })
  const asking = await client.workflow.start(asksProcess, { workflowId: 'process' })
  const reasonOf = async ({ describe }: { describe: () => ReturnType<typeof result.describe> }) =>
    (await eventually('it is parked', async () => (await describe()).parked)).reason
  expect(await reasonOf({ describe: () => result.describe() })).toBe(
    'ValueError: Unable to convert () => 1 to payload (it is the result of workflow givesFunction)',
  )
  expect(await reasonOf({ describe: () => asking.describe() })).toMatch(
    /^ReferenceError: process is not defined: workflows have no process, .* activity/,
  )
})

test('a dead slot is told of with the workflow whose turn it was', async () => {
  const { logger, lines } = listener()
  const { client, service } = await openRuntime({ code, logger, limits })
  const handle = await client.workflow.start(spins, { workflowId: 'w' })
  await eventually('it is quarantined', async () => (await handle.describe()).quarantined)
  const { runId } = await handle.describe()
  expect(await service.waitForClose({ workflowId: 'w', timeoutMs: 0 })).toMatchObject({
    closed: false,
    quarantined: { reason: expect.stringContaining('deadlockTimeoutMs') },
  })
  const death = lines.find(({ message }) => message.startsWith('slot died'))
  expect(death?.fields).toEqual({
    slot: expect.any(Number),
    workflowId: 'w',
    runId,
    reason: expect.stringContaining('deadlockTimeoutMs'),
  })
})

test('signals that nobody handled are told of when their workflow closes', async () => {
  const { logger, lines } = listener()
  const { client } = await openRuntime({ code, logger })
  const handle = await client.workflow.start(loyalty, { workflowId: 'w', args: [10] })
  await handle.signal('earm', 5)
  await handle.signal({ signal: 'earm', waitFor: 'processed' }, 5)
  await handle.signal(earn, 10)
  expect(await handle.result()).toBe(10)
  const told = lines.filter(({ message }) => message.includes('earm'))
  expect(told).toMatchObject([{ fields: { workflowId: 'w', workflowType: 'loyalty' } }])
  expect(told[0]?.message).toContain('[{"name":"earm","count":2}]')
})

test('without a logger, what code says is on stderr from info on, and what the runtime says from warnings on', async () => {
  let written = ''
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text)
    return true
  })
  onTestFinished(() => spy.mockRestore())
  const runtime = await Runtime.open({
    dataDir: path.join(await temporaryFolder(), 'data'),
    workflowBundle: await bundleOf(code),
    slots: 1,
    activities: {
      noted: async () => {
        log.info('by an activity')
        log.debug('by an activity that debugs')
      },
    },
  })
  await runtime.client.workflow.execute(talker, { workflowId: 'w' })
  await runtime.close()
  const lines = written.split('\n').filter((line) => line.startsWith('signalbox '))
  expect(lines).toEqual([
    expect.stringMatching(/^signalbox info: by console\.log, 1 workflowId=w runId=/),
    expect.stringMatching(/^signalbox info: by log\.info .*sku=a-1/),
    expect.stringMatching(/^signalbox warning: by log\.warn workflowId=w/),
    expect.stringMatching(/^signalbox info: by an activity .*workflowId=w/),
  ])
})
