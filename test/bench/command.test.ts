import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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
  const report: unknown = JSON.parse(await readFile(before, 'utf8'))
  expect(report).toMatchObject({
    isComplete: true,
    version: expect.any(String) as string,
    fileSystem: expect.any(String) as string,
    argv: expect.arrayContaining(['--json', before]) as string[],
    scenarios: [{ name: 'lmdb-1', rounds: [{}, {}] }],
  })
  const { stdout } = await bench(...small, '--out', folder, '--compare', before)
  expect(stdout).toContain('rate × before')
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

test('what cannot be read or written is told of in a line, before anything is measured', async () => {
  const file = join(folder, 'file')
  const empty = join(folder, 'empty.json')
  await writeFile(file, 'not JSON')
  await writeFile(empty, '{}')
  const mistakes: readonly (readonly [option: string, value: string, message: string])[] = [
    ['--compare', empty, 'It is not a report of this benchmark: must have required properties'],
    ['--compare', file, 'Unexpected token'],
    ['--compare', join(folder, 'nowhere.json'), 'ENOENT'],
    ['--dir', join(folder, 'nowhere'), 'ENOENT'],
    ['--dir', file, 'ENOTDIR'],
    ['--out', join(file, 'below'), 'ENOTDIR'],
    ['--json', folder, 'It is a folder.'],
    ['--svg', join(folder, 'plot.svg'), 'There is nothing to plot'],
  ]
  for (const [option, value, message] of mistakes) {
    const failed = bench(...small, '--out', folder, option, value)
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: [^\n]*\n$/) as string,
    })
    await expect(failed).rejects.toThrow(`${option} ${value}: ${message}`)
  }
  // Eight processes, one after the other: on a busy machine they take half of the usual time.
}, 60_000)

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with what there is and no folder left', async (signal, exitCode) => {
  const dir = await mkdtemp(join(folder, 'data-'))
  const json = join(folder, `${signal}.json`)
  const options = ['--rounds', '100000', '--dir', dir, '--out', folder, '--json', json]
  const child = spawn(process.execPath, [cli, 'bench', ...small, ...options])
  const ended = once(child, 'exit')
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text
    // Twice, as a terminal's goes to each process and is passed on by the first.
    if (!text.includes('3/100000')) return
    child.kill(signal)
    child.kill(signal)
  })
  child.stdout.resume()
  expect(await ended).toEqual([exitCode, null])
  expect(told).toContain('Interrupted')
  const report = JSON.parse(await readFile(json, 'utf8')) as {
    isComplete: boolean
    scenarios: { rounds: unknown[] }[]
  }
  expect(report.isComplete).toBe(false)
  expect(report.scenarios[0]?.rounds.length).toBeGreaterThanOrEqual(2)
  expect(await readdir(dir)).toEqual([])
})
