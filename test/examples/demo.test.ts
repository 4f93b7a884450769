import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const demo = fileURLToPath(new URL('../../examples/demo/flights.ts', import.meta.url))

const demoFolders = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('signalbox-demo-'))

test('the demo comes out right through a SIGKILL, and cleans up', { timeout: 90_000 }, async () => {
  const before = await demoFolders()
  const child = spawn(process.execPath, ['--import', 'tsx', demo, '2k'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')

  expect(child.exitCode, output).toBe(0)
  expect(output).toMatch(/killed, back after \d+ ms/)
  expect(output).toMatch(/\b(\d+) of \1 airports equal the file/)
  expect(output).toMatch(/2,000 signals in/)
  expect(await demoFolders()).toEqual(before)
})
