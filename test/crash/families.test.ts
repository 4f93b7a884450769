import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Runtime, silentLogger } from 'signalbox'
import { expect, test } from 'vitest'
import { checkFamilies } from '../fixtures/check-families.ts'
import { eventually } from '../fixtures/eventually.ts'
import { bundleOf, temporaryFolder } from '../fixtures/lab.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { familyPlan } from './family-plan.ts'
import type { FamilyOrders } from './family-process.ts'

const ROUNDS = 5
const program = fileURLToPath(new URL('family-process.ts', import.meta.url))

test(`${ROUNDS} kills among families: each child and each signal is there once`, async () => {
  const seed = Date.now() % 1_000_000
  const random = seededRandom(seed)
  const folder = await temporaryFolder()
  const dataDir = path.join(folder, 'data')
  const bundleFile = path.join(folder, 'bundle.json')
  const workflowBundle = await bundleOf('family.ts')
  await writeFile(bundleFile, JSON.stringify(workflowBundle))
  for (let round = 1; round <= ROUNDS; round++) {
    const orders: FamilyOrders = { dataDir, bundleFile, round, slots: 1 + (round % 3) }
    const child: ChildProcess = spawn(
      process.execPath,
      ['--import', 'tsx', program, JSON.stringify(orders)],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
    child.on('message', () => setTimeout(() => child.kill('SIGKILL'), 50 + random() * 400))
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect(signal, `round ${round} of seed ${seed}`).toBe('SIGKILL')
  }
  const runtime = await Runtime.open({ dataDir, workflowBundle, slots: 2, logger: silentLogger })
  try {
    const client = runtime.client.workflow
    const families = new Set<string>()
    await eventually('all members have closed', async () => {
      for await (const { status, workflowId } of client.list()) {
        if (workflowId === 'ledger') continue
        if (status === 'RUNNING') return false
        families.add(workflowId.split('.')[0] ?? '')
      }
      return true
    })
    expect(families.size).toBeGreaterThan(ROUNDS)
    const plans = [...families].map((id) => familyPlan(id, Number(id.split('-')[1])))
    await checkFamilies(client, plans)
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  } finally {
    await runtime.close()
  }
}, 120_000)
