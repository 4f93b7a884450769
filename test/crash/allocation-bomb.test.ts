import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../fixtures/lab.ts'

const program = fileURLToPath(new URL('bomb-process.ts', import.meta.url))

function runOnce(dataDir: string, argument: string): Promise<{ died: boolean; line: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, dataDir, argument], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let line = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    line += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ died: code !== 0, line }))
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
  let lives = 1
  let last = first
  while (last.died && lives < 8) {
    last = await runOnce(dataDir, '')
    lives++
  }
  expect(last.died).toBe(false)
  const { total, reason } = JSON.parse(last.line) as { total: number; reason: string }
  expect(reason).toContain('the process ended in one of its turns')
  expect(total).toBe(lives)
}, 120_000)
