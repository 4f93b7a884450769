import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, temporaryFolder } from '../fixtures/lab.ts'
import { finish, hits, poke, sleeper, stubborn } from '../fixtures/lifecycle.ts'

test('runs that wait for a retry, cron or delay go on once after kill -9', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  const script = fileURLToPath(new URL('../fixtures/waiting-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  for await (const line of createInterface({ input: child.stdout })) if (line === 'waiting') break
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))

  const lab = Lab.at(dataDir)
  const { client } = await lab.open({ code: 'lifecycle.ts' })
  const retried = client.workflow.getHandle<typeof stubborn>('retried')
  expect(await retried.result()).toBe('attempt 2 after attempt 1')
  expect(await client.workflow.count("WorkflowId = 'retried'")).toEqual({ count: 2 })

  const delayed = client.workflow.getHandle<typeof sleeper>('delayed')
  await eventually('its delay is over', async () => (await delayed.describe()).delayed !== true)
  expect(await delayed.query(hits)).toEqual(['before'])
  await delayed.signal(poke, 'after')
  await delayed.signal(finish)
  expect((await delayed.result()).first).toEqual(['before'])

  const completed = "WorkflowId = 'repeated' AND ExecutionStatus = 'Completed'"
  await eventually(
    'the schedule goes on',
    async () => (await client.workflow.count(completed)).count >= 1,
  )
  const running = "WorkflowId = 'repeated' AND ExecutionStatus = 'Running'"
  expect(await client.workflow.count(running)).toEqual({ count: 1 })
  await client.workflow.getHandle('repeated').terminate()
})
