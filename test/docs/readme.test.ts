import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runToEnd, runWell } from './child.ts'
import { codeBlocks, readDocument, repository } from './markdown.ts'

/**
 * The README as a reader takes it: the package is packed and installed into an empty folder, and the
 * README's own blocks are pasted there.
 */
const readme = readDocument('README.md')
const blocks = codeBlocks(readme)
let folder: string

/** What `npm test` adds to the environment would point a nested npm at the repository. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle)_|npm_config_(local_)?prefix$|NODE_ENV$)/.test(name),
  ),
)

function block(what: string, matches: (block: (typeof blocks)[number]) => boolean): string {
  const found = blocks.filter(matches)
  if (found.length !== 1) throw new Error(`the README has ${found.length} blocks that are ${what}`)
  return found[0]?.code ?? ''
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-readme-'))
  const packed = await runWell('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: repository,
    env: environment,
    timeoutMs: 60_000,
  })
  const [{ filename }]: [{ filename: string }] = JSON.parse(packed)
  // Without install scripts, since the README says that none are needed.
  const flags = ['--prefix', folder, '--prefer-offline', '--ignore-scripts', '--no-audit']
  await runWell('npm', ['install', ...flags, join(folder, filename)], {
    cwd: folder,
    env: environment,
    timeoutMs: 150_000,
  })
}, 240_000)

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the embedded example', () => {
  const files = ['workflows.ts', 'main.mjs']

  test('has twenty lines', () => {
    const lines = files.flatMap((name) =>
      block(name, ({ lead }) => lead === `\`${name}\`:`)
        .split('\n')
        .filter((line) => line.trim() !== ''),
    )
    expect(lines.length).toBeLessThanOrEqual(20)
  })

  test('prints what the README shows, killed and started again', { timeout: 60_000 }, async () => {
    for (const name of files) {
      const code = block(name, ({ lead }) => lead === `\`${name}\`:`)
      await writeFile(join(folder, name), code)
    }
    const transcript = block('a transcript', ({ language }) => language === 'console')
    const runs = transcript.split(/^\$ /m).slice(1)
    expect(runs).toHaveLength(3)
    for (const shown of runs) {
      const [command = '', ...output] = shown.trimEnd().split('\n')
      const [, ...args] = command.split(' ')
      const ended = await runToEnd(process.execPath, args, {
        cwd: folder,
        env: environment,
        timeoutMs: 15_000,
      })
      // The shell says of a process that SIGKILL ended that it was.
      const said = ended.signal === 'SIGKILL' ? 'Killed\n' : ''
      if (said === '') expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect((ended.stdout + said).trimEnd().split('\n')).toEqual(output)
    }
  })
})

describe('over HTTP', () => {
  test(
    'the lines work as pasted, and answer what the README says',
    { timeout: 60_000 },
    async () => {
      const serve = block('serve', ({ code }) => code.includes('signalbox serve'))
      const lines = block('curl', ({ code }) => code.includes('curl -X POST'))
      await writeFile(
        join(folder, 'workflows.ts'),
        block('workflows.ts', ({ lead }) => lead === '`workflows.ts`:'),
      )
      // A free port in place of 7243; npx does not pass signals on, so all of it is ended as a group.
      const server = spawn('sh', ['-c', `${serve.trim()} --port 0`], {
        cwd: folder,
        env: environment,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      const ended = once(server, 'close')
      try {
        const url = await listening(server.stdout, server.stderr)
        expect(lines).toContain('http://127.0.0.1:7243/')
        const script = lines.replaceAll('http://127.0.0.1:7243', url)
        // Only how curl prints is changed: no progress meter, an answer a line, an error as such.
        await writeFile(join(folder, '.curlrc'), 'silent\nshow-error\nfail\nwrite-out = "\\n"\n')
        const stdout = await runWell('sh', ['-ec', script], {
          cwd: folder,
          env: { ...environment, CURL_HOME: folder },
          timeoutMs: 40_000,
        })
        const answers = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
        const result = { result: 'gold, with 120 points' }
        expect(answers).toEqual([
          expect.objectContaining({ started: true }),
          {},
          {},
          { queryResult: [60] },
          {},
          expect.objectContaining(result),
        ])
        expect(readme).toContain('`{"queryResult":[60]}`')
        expect(readme).toContain(`\`"${result.result}"\``)
      } finally {
        if (server.pid !== undefined) process.kill(-server.pid, 'SIGKILL')
        await ended
      }
    },
  )
})

/** The address that a server prints; what it said on `stderr` if it ends without. */
async function listening(stdout: Readable, stderr: Readable): Promise<string> {
  let text = ''
  stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  for await (const chunk of stdout) {
    text += String(chunk)
    const url = /listens on (http:\S+)\n/.exec(text)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`signalbox does not listen: ${text}`)
}
