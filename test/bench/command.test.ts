import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const cli = fileURLToPath(new URL('../../dist/api/cli.js', import.meta.url))
const bench = (...args: readonly string[]) => run(process.execPath, [cli, 'bench', ...args])
const small = ['--scenario', 'lmdb-1', '--rounds', '2', '--seconds', '0.1', '--size', '20']
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-command-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('signalbox bench lists its scenarios by groups', async () => {
  const { stdout } = await bench('--list')
  expect(stdout).toMatch(/^signals: /m)
  expect(stdout).toMatch(/^ {2}one-workflow-4096 +signals to 1 workflow, 4,096 in flight$/m)
})

test('signalbox bench measures, writes its reports, and compares with an earlier one', async () => {
  const before = join(folder, 'before.json')
  const { stderr } = await bench(...small, '--out', folder, '--json', before)
  expect(stderr).toContain('2/2  round 2  lmdb-1')
  const report = JSON.parse(await readFile(before, 'utf8')) as {
    scenarios: { name: string; rounds: unknown[] }[]
  }
  expect(report.scenarios).toMatchObject([{ name: 'lmdb-1', rounds: [{}, {}] }])
  const { stdout } = await bench(...small, '--out', folder, '--compare', before)
  expect(stdout).toContain('× before')
  const pages = (await readdir(folder)).filter((name) => name.endsWith('.html'))
  expect(pages).toHaveLength(2)
})

test('a scenario that does not exist is told of without a stack', async () => {
  const failed = bench('--scenario', 'nothing')
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: 'error: There is no scenario or group nothing; see --list.\n',
  })
})
