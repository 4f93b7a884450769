import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { activitiesPath, type Answer, base, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess, type Exit } from './fixtures/serve-process.ts'

const shell = promisify(execFile)
const processes: CliProcess[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-cli-'))
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.stop('SIGKILL')))
  await rm(folder, { recursive: true, force: true })
})

function run(args: readonly string[], options?: ConstructorParameters<typeof CliProcess>[1]) {
  const process = new CliProcess(args, options)
  processes.push(process)
  return process
}

function serve(...more: string[]) {
  const data = ['--data-dir', join(folder, 'data'), '--port', '0', '--slots', '1']
  return run(['serve', '--workflows', workflowsPath, ...data, ...more])
}

const start = (url: string, workflowId: string, type: string, input: unknown[] = []) =>
  send(url, 'POST', `${base}/workflows/${workflowId}`, { workflowType: { name: type }, input })
const add = (url: string, workflowId: string, value: number) =>
  send(url, 'POST', `${base}/workflows/${workflowId}/signal/add`, { input: [value] })
const items = async (url: string, workflowId: string): Promise<number[]> => {
  const answer = await send(url, 'POST', `${base}/workflows/${workflowId}/query/items`)
  const body: { queryResult: [number[]] } = JSON.parse(answer.text)
  return body.queryResult[0]
}

describe('signalbox serve', { timeout: 120_000 }, () => {
  it('prints where it listens and a curl line that works', async () => {
    const server = serve()
    const url = await server.url()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const line = server.stdout.split('\n').find((text) => text.includes('curl'))
    const { stdout } = await shell('sh', ['-c', `${line} --silent --show-error --fail`])
    expect(JSON.parse(stdout)).toMatchObject({ started: true, runId: expect.any(String) })
    expect(line).toContain('"input":[]')
    expect(server.stdout).toContain("the workflow's arguments go into input")
  })

  it('stops on SIGTERM, long polls included, and goes on where it was', async () => {
    const first = serve()
    const url = await first.url()
    await start(url, 'w', 'collector')
    await add(url, 'w', 1)
    const waiting = send(url, 'GET', `${base}/workflows/w/result?timeout=60s`)
    await add(url, 'w', 2)
    const exit = await first.stop('SIGTERM')
    expect(exit).toMatchObject({ code: 0, signal: null })
    expect([200, 503]).toContain((await waiting).status)

    const second = serve()
    expect(await items(await second.url(), 'w')).toEqual([1, 2])
    expect(await second.stop('SIGINT')).toMatchObject({ code: 0 })
  })

  it('has everything it acknowledged after kill -9, once and in order', async () => {
    let sent = 0
    for (let round = 0; round < 3; round++) {
      const server = serve()
      const url = await server.url()
      if (round === 0) await start(url, 'w', 'collector')
      sent = await expectAllOf(url, sent)
      const killAt = sent + 30
      for (let answered = true; answered;) {
        const answer = add(url, 'w', sent)
        if (sent === killAt) server.child.kill('SIGKILL')
        answered = await answer.then(
          ({ status }) => status === 200,
          () => false,
        )
        if (answered) sent++
      }
      expect(await server.exit).toMatchObject({ signal: 'SIGKILL' })
    }
    await expectAllOf(await serve().url(), sent)
  })

  /** All that was acknowledged is there in order; the one in the air at the kill may be, too. */
  async function expectAllOf(url: string, acknowledged: number): Promise<number> {
    const seen = await items(url, 'w')
    expect(seen).toEqual(seen.map((_value, index) => index))
    expect(seen.length).toBeGreaterThanOrEqual(acknowledged)
    expect(seen.length).toBeLessThanOrEqual(acknowledged + 1)
    return seen.length
  }

  it('exits with 1 when storage fails, and has all that it acknowledged', async () => {
    const args = ['serve', '--workflows', workflowsPath, '--data-dir', join(folder, 'data')]
    const options = [...args, '--port', '0', '--slots', '1']
    const full = run(options, { prelude: 'ulimit -f 800' })
    const url = await full.url()
    await start(url, 'w', 'collector')
    const filler = 'x'.repeat(20_000)
    let acknowledged = 0
    let failure: Answer | undefined
    while (failure === undefined && acknowledged < 1000) {
      const path = `${base}/workflows/w/signal/add`
      const answer = await send(url, 'POST', path, { input: [acknowledged + filler] })
      if (answer.status === 200) acknowledged++
      else failure = answer
    }
    expect(failure).toMatchObject({ status: 503, json: { code: 14 } })
    expect(failure?.text).toContain('SIGNALBOX_ERR_INDETERMINATE')
    expect(failure?.headers.get('retry-after')).toBe('1')
    expect(await full.exit).toMatchObject({ code: 1, signal: null })

    const mended = await run(options).url()
    const answer = await send(mended, 'POST', `${base}/workflows/w/query/items`)
    const body: { queryResult: [string[]] } = JSON.parse(answer.text)
    const seen = body.queryResult[0].map((item) => Number.parseInt(item, 10))
    expect(seen).toEqual(seen.map((_value, index) => index))
    expect(seen.length).toBeGreaterThanOrEqual(acknowledged)
    expect(acknowledged).toBeGreaterThan(0)
  })

  it('runs activities of a TypeScript file that imports packages', async () => {
    const url = await serve('--activities', activitiesPath).url()
    await start(url, 'g', 'greeter', ['Ada'])
    const result = await send(url, 'GET', `${base}/workflows/g/result`)
    expect(result.json).toMatchObject({ result: 'greet: hello Ada, 1m' })
  })

  it('serves a project of its own, with packages of its own', async () => {
    const project = join(folder, 'project')
    const packageFolder = join(project, 'node_modules', 'only-esm')
    await mkdir(join(project, 'src'), { recursive: true })
    await mkdir(packageFolder, { recursive: true })
    const files: [string, string][] = [
      [
        join(packageFolder, 'package.json'),
        '{"name":"only-esm","version":"1.0.0","type":"module","exports":{"import":"./main.js"}}',
      ],
      [join(packageFolder, 'main.js'), 'export const shout = (text) => text.toUpperCase()'],
      [join(project, 'src', 'local.ts'), 'export const mark: string = "!"'],
      [
        join(project, 'src', 'activities.ts'),
        `import { readFileSync } from 'node:fs'
import { shout } from 'only-esm'
import { ApplicationFailure } from '@temporalio/common'
import { mark } from './local.js'

interface Order { id: string }
export async function ship(order: Order): Promise<string> {
  return shout(order.id) + mark + readFileSync(new URL('./note.txt', import.meta.url), 'utf8')
}
export async function lose(): Promise<void> {
  const where: string = new Error('x').stack ?? ''
  throw ApplicationFailure.nonRetryable(where.includes('src/activities.ts:11') ? 'here' : where)
}
`,
      ],
      [join(project, 'src', 'note.txt'), '?'],
      [
        join(project, 'src', 'workflows.ts'),
        `import { proxyActivities } from '@temporalio/workflow'
import type * as activities from './activities'
const { ship, lose } = proxyActivities<typeof activities>({ startToCloseTimeout: '5s' })
export const order = (id: string) => ship({ id })
export const loss = () => lose()
`,
      ],
    ]
    for (const [file, text] of files) await writeFile(file, text)
    const server = run(
      ['serve', '--workflows', 'src/workflows.ts', '--activities', 'src/activities.ts'].concat([
        '--data-dir',
        'data',
        '--port',
        '0',
        '--slots',
        '1',
      ]),
      { cwd: project },
    )
    const url = await server.url()
    await start(url, 'o', 'order', ['a-7'])
    expect((await send(url, 'GET', `${base}/workflows/o/result`)).json).toMatchObject({
      result: 'A-7!?',
    })
    await start(url, 'l', 'loss')
    expect((await send(url, 'GET', `${base}/workflows/l/result`)).json).toMatchObject({
      failure: { cause: { message: 'here' } },
    })
  })

  it('asks for the token that it was given', async () => {
    const data = ['--data-dir', join(folder, 'data'), '--port', '0', '--host', '0.0.0.0']
    const server = run(['serve', '--workflows', workflowsPath, ...data], {
      env: { SIGNALBOX_TOKEN: 'secret-1' },
    })
    const url = (await server.url()).replace('0.0.0.0', '127.0.0.1')
    expect((await send(url, 'GET', `${base}/workflows`)).status).toBe(401)
    const headers = { authorization: 'Bearer secret-1' }
    expect((await send(url, 'GET', `${base}/workflows`, undefined, headers)).status).toBe(200)
    expect(server.stdout + server.stderr).not.toContain('secret-1')
    const line = server.stdout.split('\n').find((text) => text.includes('curl'))
    const { stdout } = await shell('sh', ['-c', `${line} --silent --show-error --fail`], {
      env: { ...process.env, SIGNALBOX_TOKEN: 'secret-1' },
    })
    expect(JSON.parse(stdout)).toMatchObject({ started: true })
  })
})

describe('signalbox serve refuses', { timeout: 120_000 }, () => {
  async function refusal(process: CliProcess): Promise<Exit> {
    const exit = await process.exit
    expect(exit.code).toBe(1)
    expect(exit.stderr).not.toMatch(/\n\s+at /)
    return exit
  }

  it('an address that others can reach, without a token', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
      const { stderr } = await refusal(serve('--host', host))
      expect(stderr).toMatch(/can be reached from other machines: set a token with --token/)
    }
  })

  it('a data folder that is in use', async () => {
    await serve().url()
    const { stderr } = await refusal(serve())
    expect(stderr).toContain('SIGNALBOX_ERR_DATA_DIR_LOCKED')
  })

  it('a port that is in use, and leaves the data folder free', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const { stderr } = await refusal(serve('--port', String(address.port)))
    expect(stderr).toMatch(/EADDRINUSE.*choose another --port/)
    other.close()
    await serve().url()
  })

  it('files that are not there or not usable, by name', async () => {
    const missing = run(['serve', '--workflows', 'nowhere.ts', '--data-dir', join(folder, 'd')])
    expect((await refusal(missing)).stderr).toContain(
      `There is no workflow file ${join(process.cwd(), 'nowhere.ts')}`,
    )
    const noFile = await refusal(serve('--activities', join(folder, 'none.ts')))
    expect(noFile.stderr).toContain(`There is no activities file ${join(folder, 'none.ts')}`)
    await writeFile(join(folder, 'broken.ts'), "import x from 'not-installed'\nexport const a = x")
    const broken = await refusal(serve('--activities', join(folder, 'broken.ts')))
    expect(broken.stderr).toMatch(/broken\.ts cannot be loaded: .*"not-installed"/s)
    await writeFile(join(folder, 'empty.js'), 'export const a = 1')
    const empty = await refusal(serve('--activities', join(folder, 'empty.js')))
    expect(empty.stderr).toMatch(/empty\.js exports no function/)
    await writeFile(join(folder, 'throws.ts'), "type N = 1\n\nthrow new Error('no key')\n")
    const throws = await refusal(serve('--activities', join(folder, 'throws.ts')))
    expect(throws.stderr).toContain(`${join(folder, 'throws.ts')}:3:7: no key`)
  })

  it('what it does not know', async () => {
    expect((await refusal(run(['launch']))).stderr).toMatch(/unknown command 'launch'/)
    expect((await refusal(serve('--colour'))).stderr).toMatch(/unknown option '--colour'/)
    expect((await refusal(serve('--port', '70000'))).stderr).toMatch(/from 0 to 65535/)
    expect((await refusal(run(['serve', '--data-dir', 'd']))).stderr).toMatch(
      /required option '--workflows <file>'/,
    )
  })
})

describe('signalbox', { timeout: 120_000 }, () => {
  it('tells its version and how to use it', async () => {
    const version = await run(['--version']).exit
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    for (const args of [['--help'], ['serve', '--help']]) {
      const help = await run(args).exit
      expect(help.code).toBe(0)
      expect(help.stdout).toContain('$ signalbox serve --workflows workflows.ts')
    }
  })
})
