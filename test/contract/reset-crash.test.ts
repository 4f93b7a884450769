import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Lab, numbers, temporaryFolder } from '../fixtures/lab.ts'
import { add, collector, items } from '../fixtures/workflows.ts'

const script = fileURLToPath(new URL('../fixtures/reset-process.ts', import.meta.url))

/** Let the process work until it has told so many lines, then kill it. Gives all that it told. */
async function workUntilKilled(dataDir: string, from: number, lines: number): Promise<string[]> {
  const args = ['--import', 'tsx', script, dataDir, String(from)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const told: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => {
    told.push(line)
    if (told.length === lines) child.kill('SIGKILL')
  })
  await new Promise((resolve) => reader.once('close', resolve))
  return told
}

test('a reset is done as a whole or not at all, whenever the process is killed', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  let next = 0
  const resets: string[] = []
  for (const lines of [37, 83, 142]) {
    const told = await workUntilKilled(dataDir, next, lines)
    expect(told.length).toBeGreaterThanOrEqual(lines)
    for (const line of told) {
      const [what = '', value = ''] = line.split(' ')
      if (what === 'reset') resets.push(value)
      else next = Math.max(next, Number(value) + 1)
    }
  }
  expect(resets.length).toBeGreaterThan(3)
  const { client } = await Lab.at(dataDir).open()
  const runs = new Map<string, string>()
  for await (const { runId, status } of client.workflow.list()) runs.set(runId, status)
  // Each run but the last has one that took its place, and all that were told of are among them.
  expect([...runs.values()].filter((status) => status !== 'TERMINATED')).toEqual(['RUNNING'])
  expect([...runs.keys()]).toEqual(expect.arrayContaining(resets))
  for (const [runId, status] of runs) {
    const { resetRunId, reset } = await client.workflow.getHandle('w', runId).describe()
    if (status === 'TERMINATED') expect(runs.has(resetRunId ?? '')).toBe(true)
    if (reset !== undefined) expect(runs.has(reset.baseRunId)).toBe(true)
  }
  const handle = client.workflow.getHandle<typeof collector>('w')
  const seen = await handle.query(items)
  expect(seen.length).toBeGreaterThanOrEqual(next)
  expect(seen).toEqual(numbers(seen.length))
  // What was acknowledged is not applied again, whichever run took it.
  await Promise.all(
    numbers(next).map((n) => handle.signal({ signal: add, requestId: `s-${n}` }, n)),
  )
  expect(await handle.query(items)).toEqual(numbers(seen.length))
}, 180_000)
