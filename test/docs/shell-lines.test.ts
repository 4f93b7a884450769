import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { cliPath, CliProcess } from '../api/fixtures/serve-process.ts'
import { runWell } from './child.ts'
import { codeBlocks, readDocument, repository } from './markdown.ts'

/**
 * The lines for a shell in the pages about the command line and the HTTP API, pasted in their order into
 * one shell each. Those of the README are in readme.test.ts.
 */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

/** What stands before a block that cannot be run; each says why. */
const MARK = '<!-- not run: '
const isOurs = (code: string): boolean => /\b(curl|signalbox) /.test(code)
const shellBlocks = (page: string) =>
  codeBlocks(readDocument(page)).filter(
    ({ language, code }) => ['sh', 'bash', 'console'].includes(language) && isOurs(code),
  )

let folder: string
let server: CliProcess
let url: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signalbox-docs-'))
  const bin = path.join(folder, 'bin')
  await mkdir(bin)
  await mkdir(path.join(folder, 'node_modules'))
  await symlink(repository, path.join(folder, 'node_modules', 'signalbox'))
  const command = path.join(bin, 'signalbox')
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${cliPath}" "$@"\n`)
  await chmod(command, 0o755)
  const [workflows] = codeBlocks(readDocument('docs/cli.md')).filter(
    ({ language }) => language === 'ts',
  )
  await writeFile(path.join(folder, 'workflows.ts'), workflows?.code ?? '')
  await writeFile(path.join(folder, 'activities.ts'), 'export async function greet() {}\n')
  // An error of HTTP is an error of the line.
  await writeFile(
    path.join(folder, '.curlrc'),
    'silent\nshow-error\nfail-with-body\nmax-time = 60\nwrite-out = "\\n"\n',
  )
  const [serve] = shellBlocks('docs/cli.md')
  const [, line = ''] = /^npx signalbox (serve .*)$/m.exec(serve?.code ?? '') ?? []
  server = new CliProcess([...line.split(' '), '--port', '0'], { cwd: folder })
  url = await server.url()
  env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH']}`,
    CURL_HOME: folder,
    SIGNALBOX_ADDRESS: url,
  }
})

afterAll(async () => {
  await server?.stop('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

async function paste(page: string): Promise<string> {
  const blocks = shellBlocks(page).filter(
    ({ code, lead }) => !code.startsWith('npx signalbox serve') && !lead.startsWith(MARK),
  )
  const lines = blocks.flatMap(({ code }) =>
    // Of a transcript, what is typed.
    code.split('\n').map((line) => line.replace(/^\$ /, '')),
  )
  expect(lines.filter(isOurs).length).toBeGreaterThan(3)
  const script = lines.join('\n').replaceAll('http://127.0.0.1:7243', url)
  return runWell('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    timeoutMs: 240_000,
  })
}

test('the lines of docs/cli.md work as pasted, one after the other', async () => {
  const shown = await paste('docs/cli.md')
  // 25 earned, 5 redeemed, then 90 from the file: beyond the goal.
  expect(shown).toMatch(/QueryResult +25\n/)
  expect(shown).toMatch(/Result +20\n/)
  expect(shown).toMatch(/PauseReason +the bank is closed\n/)
  expect(shown).toContain('"gold, with 110 points"')
})

test('the lines of docs/http-api.md work as pasted, one after the other', async () => {
  const lines = [10, 20].map((points) =>
    JSON.stringify({ workflowId: 'customer-43', signalName: 'earn', input: [points] }),
  )
  await writeFile(path.join(folder, 'events.ndjson'), `${lines.join('\n')}\n`)
  const shown = await paste('docs/http-api.md')
  expect(shown).toContain('{"queryResult":[25]}')
  expect(shown).toMatch(/"success":\[20\]/)
  expect(shown).toMatch(/\{"runId":"[0-9a-f-]{36}"\}/)
  expect(shown).toContain('{"line":1}\n{"line":2}')
})

test('few lines are not run, and each says why', () => {
  const pages = ['README.md', 'docs/cli.md', 'docs/http-api.md']
  const marked = pages.flatMap(shellBlocks).filter(({ lead }) => lead.startsWith(MARK))
  expect(marked.length).toBeLessThanOrEqual(2)
  for (const { lead } of marked) expect(lead).toMatch(/^<!-- not run: .{10,} -->$/)
})

test('a server that is told to end does so', async () => {
  const ended = once(server.child, 'close')
  server.child.kill('SIGTERM')
  await ended
  expect(server.child.exitCode).toBe(0)
})
