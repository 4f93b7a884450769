import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../fixtures/lab.ts'
import type { Found } from './abort-process.ts'

const script = fileURLToPath(new URL('abort-process.ts', import.meta.url))

test('10 One bad workflow: one that ends the whole process is found and quarantined', async () => {
  const dataDir = path.join(await temporaryFolder(), 'data')
  const ends: string[] = []
  for (let pass = 0; pass < 6; pass++) {
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', script, dataDir, String(pass)],
      { encoding: 'utf8', timeout: 60_000 },
    )
    ends.push(signal ?? String(status))
    if (status !== 0) {
      // What V8 prints of its own end, and nothing of ours.
      expect(stderr).not.toContain('SignalboxError')
      continue
    }
    const found = JSON.parse(stdout) as Found
    expect(found.reason).not.toBe('')
    // Every pass, those that the process did not survive included, sent each of them its number.
    expect(found.others).toEqual(found.others.map(() => pass + 1))
    expect(pass).toBeGreaterThan(0)
    return
  }
  throw new Error(`the process ended with ${ends.join(', ')} and never came up`)
}, 120_000)
