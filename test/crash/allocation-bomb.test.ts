import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../fixtures/lab.ts'

const program = fileURLToPath(new URL('bomb-process.ts', import.meta.url))

interface Life {
  readonly died: boolean
  readonly lines: readonly string[]
}

function runOnce(dataDir: string, argument: string): Promise<Life> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, dataDir, argument], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ died: code !== 0, lines: output.trim().split('\n') }))
  })
}

/*
 * A single allocation past V8's limit aborts the process. Goal: after a few restarts the workflow that
 * does it is quarantined, and everything else goes on with nothing lost. Method: a process of its own
 * that is started again until it lives.
 */
test('10 one bad workflow that ends the whole process is found by the next ones', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  const first = await runOnce(dataDir, 'explode')
  expect(first.died).toBe(true)
  const lives = [first]
  while (lives.at(-1)?.died === true && lives.length < 8) lives.push(await runOnce(dataDir, ''))
  const last = lives.at(-1)
  expect(last?.died).toBe(false)
  const acknowledged = lives.filter(({ lines }) => lines.includes('signalled')).length
  const { total, reason } = JSON.parse(last?.lines.at(-1) ?? '') as {
    total: number
    reason: string
  }
  expect(reason).toContain('the process ended in one of its turns')
  // One that nobody was told of may count or not.
  expect(total).toBeGreaterThanOrEqual(acknowledged)
  expect(total).toBeLessThanOrEqual(lives.length)
}, 120_000)
