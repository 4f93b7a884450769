import { fileURLToPath } from 'node:url'
import { Runtime, type RuntimeOptions, silentLogger, WithStartWorkflowOperation } from 'signalbox'
import { activityInfo, CompleteAsyncError, heartbeat } from 'signalbox/activity'
import { ApplicationFailure } from 'signalbox/workflow'
import { expect, onTestFinished, test } from 'vitest'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryFolder } from '../fixtures/lab.ts'
import { restsIn } from '../fixtures/rests-in.ts'
import {
  ask,
  change,
  child,
  failsOnce,
  secretive,
  type SecretiveActivities,
  tell,
} from '../fixtures/secretive-workflows.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

const leftTokens: Uint8Array[] = []
const activities: SecretiveActivities = {
  async stubborn(secret) {
    const { attempt, heartbeatDetails } = activityInfo()
    heartbeat(`PLAIN-heartbeat of ${secret}`)
    if (attempt === 1) throw new Error(`PLAIN-first failure of ${secret}`)
    return [secret, heartbeatDetails]
  },
  left() {
    leftTokens.push(activityInfo().taskToken)
    throw new CompleteAsyncError()
  },
  async refuse(secret) {
    throw ApplicationFailure.create({
      message: `PLAIN-message of ${secret}`,
      nonRetryable: true,
      details: [`PLAIN-detail of ${secret}`],
      cause: new Error(`PLAIN-cause of ${secret}`),
    })
  },
  echo: (secret) => Promise.resolve(secret),
}

async function open(dataDir: string, options: Partial<RuntimeOptions> = {}): Promise<Runtime> {
  const runtime = await Runtime.open({
    dataDir,
    workflowsPath: file('secretive-workflows.ts'),
    slots: 2,
    logger: silentLogger,
    activities,
    dataConverter: {
      payloadCodecs: [new EncryptionCodec()],
      failureConverterPath: file('converters/encoding-failures.ts'),
    },
    ...options,
  })
  onTestFinished(() => runtime.close())
  return runtime
}

/**
 * Guarantee: with a codec that encrypts, and failures that encode what they say, nothing of what a workflow,
 * its children, activities and clients say to each other can be read in the data folder.
 */
test('no secret rests in the data folder, wherever a value can be', async () => {
  const dataDir = await temporaryFolder()
  const first = await open(dataDir)
  const { client } = first
  const stranger = await client.workflow.start(child, {
    workflowId: 'stranger',
    args: ['PLAIN-stranger that waits'],
  })
  const options = {
    workflowId: 'w',
    args: ['PLAIN-argument'] as [string],
    memo: { note: 'PLAIN-memo' },
    staticSummary: 'PLAIN-summary',
    staticDetails: 'PLAIN-details',
  }
  const operation = new WithStartWorkflowOperation(secretive, {
    ...options,
    workflowIdConflictPolicy: 'FAIL',
  })
  const changed = await client.workflow.executeUpdateWithStart(change, {
    args: ['PLAIN-with-start'],
    startWorkflowOperation: operation,
  })
  expect(changed).toBe('PLAIN-changed by PLAIN-with-start')
  const handle = await operation.workflowHandle()
  await handle.signal(tell, 'PLAIN-signal')
  expect(await handle.query(ask, 'PLAIN-question')).toMatch(/^PLAIN-question/)
  for (const word of ['PLAIN-fail', 'PLAIN-refuse']) {
    await expect(handle.executeUpdate(change, { args: [word] })).rejects.toMatchObject({
      cause: { message: `PLAIN-message of ${word}`, details: [`PLAIN-detail of ${word}`] },
    })
  }
  const token = (nth: number) => eventually(`left ${nth} times`, () => leftTokens[nth])
  const outside = client.activity
  for (let run = 0; run < 2; run++) {
    await outside.heartbeat(await token(run * 2), 'PLAIN-heartbeat from outside')
    await outside.complete(await token(run * 2), 'PLAIN-result from outside')
    const error = ApplicationFailure.nonRetryable('PLAIN-outside', 'Left', 'PLAIN-detail')
    await outside.fail(await token(run * 2 + 1), error)
    if (run === 0) await handle.signal(tell, 'PLAIN-go on')
  }
  const result = (await handle.result()) as { told: string[]; failures: string[] }
  expect(result.told).toEqual([
    'PLAIN-go on',
    '["PLAIN-stubborn","PLAIN-heartbeat of PLAIN-stubborn"]',
    'PLAIN-result from outside',
    'PLAIN-near',
    'PLAIN-child heard nothing',
    'PLAIN-child heard PLAIN-signal to a child',
  ])
  expect(result.failures).toEqual([
    'ActivityFailure: PLAIN-outside',
    'ActivityFailure: PLAIN-cause of PLAIN-refuse',
    'ApplicationFailure: PLAIN-cause of PLAIN-near refuse',
    'ChildWorkflowFailure: PLAIN-cause of PLAIN-child that fails',
  ])
  expect(await stranger.result()).toBe('PLAIN-child heard PLAIN-signal to a stranger')
  const retried = await client.workflow.start(failsOnce, {
    workflowId: 'retried',
    args: ['PLAIN-argument'],
    retry: { maximumAttempts: 2, initialInterval: 1 },
  })
  expect(await retried.result()).toBe('PLAIN-after PLAIN-once PLAIN-argument')
  const stopped = await client.workflow.start(child, { workflowId: 't', args: ['PLAIN-waits'] })
  await stopped.terminate('a reason')
  await expect(stopped.result()).rejects.toMatchObject({ name: 'WorkflowFailedError' })

  expect(await restsIn(dataDir, 'PLAIN-')).toBe(false)
  // The search itself finds what is there.
  expect(await restsIn(dataDir, 'secretive')).toBe(true)
  await first.close()
  const again = await open(dataDir)
  expect(await again.client.workflow.getHandle('w').result()).toEqual(result)
  expect(await restsIn(dataDir, 'PLAIN-')).toBe(false)
})
