import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configProblems } from '../../api/config-problems.ts'
import { configSchema } from '../../api/config-schema.ts'
import { eventually } from '../fixtures/eventually.ts'
import { restsIn } from '../fixtures/rests-in.ts'
import { base, send, workflowsPath } from './fixtures/api-server.ts'
import { CliProcess } from './fixtures/serve-process.ts'

const processes: CliProcess[] = []
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-config-'))
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.stop('SIGKILL')))
  await rm(folder, { recursive: true, force: true })
})

function serve(args: readonly string[] = [], env: Record<string, string> = {}): CliProcess {
  const process = new CliProcess(['serve', ...args], { cwd: folder, env })
  processes.push(process)
  return process
}

const write = (name: string, content: string | object) =>
  writeFile(
    join(folder, name),
    typeof content === 'string' ? content : JSON.stringify(content, undefined, 2),
  )
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

const usable = { workflows: workflowsPath, dataDir: 'data', port: 0, slots: 1 }
const tokenOf = (name: string) => `${name}-${'x'.repeat(30)}`
const hashOf = (name: string) =>
  `sha256:${createHash('sha256').update(tokenOf(name)).digest('hex')}`
const bearer = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` })
const startBody = { workflowType: { name: 'collector' } }

describe('signalbox.config.json', { timeout: 90_000 }, () => {
  it('says all that serve does', async () => {
    await write('signalbox.config.json', {
      ...usable,
      host: '0.0.0.0',
      prefix: '/box',
      taskQueue: 'of-the-file',
      tokens: [
        { name: 'shop', hash: hashOf('shop'), scopes: ['admin'], namespaces: ['shop'] },
        {
          name: 'audit',
          hash: hashOf('audit'),
          namespaces: { shop: ['read'], log: ['read', 'signal', 'start'] },
        },
      ],
      namespaces: { slow: { requestsPerSecond: 1 } },
      limits: { bodyBytes: 2000, maxPayloadBytes: 100 },
      logLevel: 'info',
    })
    const process = serve()
    const url = (await process.url()).replace('0.0.0.0', '127.0.0.1')
    expect(existsSync(join(folder, 'data'))).toBe(true)
    const call = async (name: string, method: string, path: string, body?: object) =>
      send(url, method, `/box/namespaces/${path}`, body, bearer(name))
    const status = async (...args: Parameters<typeof call>) => (await call(...args)).status

    expect(await status('shop', 'POST', 'shop/workflows/w', startBody)).toBe(200)
    expect((await call('shop', 'GET', 'shop/workflows/w')).json).toMatchObject({
      executionConfig: { taskQueue: { name: 'of-the-file' } },
    })
    expect(await status('shop', 'GET', 'log/workflows')).toBe(403)
    // Scopes of each namespace.
    expect(await status('audit', 'GET', 'shop/workflows/w')).toBe(200)
    expect(await status('audit', 'POST', 'shop/workflows/w/signal/add', {})).toBe(403)
    expect(await status('audit', 'POST', 'log/workflows/w', startBody)).toBe(200)
    expect(await status('audit', 'POST', 'log/workflows/w/signal/add', {})).toBe(200)
    expect(await status('audit', 'POST', 'log/workflows/w/terminate', {})).toBe(403)
    expect(await status('audit', 'GET', 'other/workflows')).toBe(403)
    expect((await call('nobody', 'GET', 'shop/workflows')).status).toBe(401)
    // Limits of the server and of the engine.
    const add = 'shop/workflows/w/signal/add'
    const large = await call('shop', 'POST', add, { input: ['x'.repeat(150)] })
    expect(large.text).toContain('SIGNALBOX_ERR_PAYLOAD_TOO_LARGE')
    expect(await status('shop', 'POST', add, { input: ['x'.repeat(3000)] })).toBe(413)

    await process.stop()
    const { stdout, stderr } = process
    expect(stderr).toMatch(/"token":"audit".*not permitted/)
    for (const name of ['shop', 'audit', 'nobody']) {
      expect(stdout + stderr).not.toContain(tokenOf(name))
      expect(stdout + stderr).not.toContain(hashOf(name))
    }
  })

  it('gives a namespace a rate of its own', async () => {
    const namespaces = { slow: { requestsPerSecond: 2 } }
    await write('signalbox.config.json', { ...usable, namespaces })
    const url = await serve().url()
    const statuses = async (namespace: string) => {
      const answers = Array.from({ length: 30 }, () =>
        send(url, 'GET', `/namespaces/${namespace}/workflows`),
      )
      return new Set((await Promise.all(answers)).map((answer) => answer.status))
    }
    expect(await statuses('slow')).toEqual(new Set([200, 429]))
    expect(await statuses('fast')).toEqual(new Set([200]))
  })

  it('says how long closed workflows are kept, in one namespace or all', async () => {
    const short = { retention: '1s' }
    await write('signalbox.config.json', {
      ...usable,
      namespaces: { short, limited: { requestsPerSecond: 1000 } },
    })
    const url = await serve().url()
    const status = async (namespace: string) =>
      (await send(url, 'GET', `/namespaces/${namespace}/workflows/w`)).status
    for (const namespace of ['short', 'limited', 'other']) {
      const path = `/namespaces/${namespace}/workflows/w`
      const body = { workflowType: { name: 'echo' }, input: [1] }
      expect((await send(url, 'POST', path, body)).status).toBe(200)
      expect((await send(url, 'GET', `${path}/result`)).json).toMatchObject({ result: 1 })
    }
    await eventually('it is deleted', async () => (await status('short')) === 404)
    expect([await status('limited'), await status('other')]).toEqual([200, 200])
  })

  it('says where the metrics are, if anywhere', async () => {
    const metricsAt = async (url: string): Promise<number> =>
      (await send(url, 'GET', '/metrics')).status
    const port = await freePort()
    await write('signalbox.config.json', { ...usable, metrics: { port } })
    const apart = serve()
    expect(await metricsAt(await apart.url())).toBe(404)
    const { text } = await send(`http://127.0.0.1:${port}`, 'GET', '/metrics')
    expect(text).toContain('signalbox_state{state="serving"} 1')
    expect(text).toContain('process_cpu_seconds_total')
    await apart.stop('SIGTERM')

    await write('signalbox.config.json', { ...usable, metrics: { enabled: false } })
    expect(await metricsAt(await serve(['--data-dir', 'second']).url())).toBe(404)
    await write('signalbox.config.json', { ...usable, metrics: { processMetrics: false } })
    const beside = await serve(['--data-dir', 'third']).url()
    const own = await send(beside, 'GET', '/metrics')
    expect(own.text).toContain('signalbox_state')
    expect(own.text).not.toContain('process_')
  })

  it('gives way to variables, and they to flags', async () => {
    await write('signalbox.config.json', { ...usable, dataDir: 'of-file', host: '192.0.2.1' })
    const local = ['--host', '127.0.0.1']
    await serve(local).url()
    expect(existsSync(join(folder, 'of-file'))).toBe(true)
    const env = { SIGNALBOX_DATA_DIR: 'of-env', SIGNALBOX_HOST: '127.0.0.1', SIGNALBOX_TOKEN: '' }
    await serve([], env).url()
    expect(existsSync(join(folder, 'of-env'))).toBe(true)
    await serve(['--data-dir', 'of-flag'], env).url()
    expect(existsSync(join(folder, 'of-flag'))).toBe(true)
  })

  it('is found by --config, its paths from its own folder', async () => {
    await mkdir(join(folder, 'etc'))
    await write('etc/other.json', { ...usable, workflows: 'mine.ts' })
    await write('etc/mine.ts', 'export async function mine() {}')
    const process = serve(['--config', 'etc/other.json'])
    await process.url()
    expect(process.stdout).toContain('/workflows/mine-')
    expect(existsSync(join(folder, 'etc', 'data'))).toBe(true)
  })

  it('is told of if everybody may write to it', async () => {
    await write('signalbox.config.json', usable)
    await chmod(join(folder, 'signalbox.config.json'), 0o666)
    const process = serve()
    await process.url()
    expect(process.stderr).toMatch(/signalbox\.config\.json can be changed by everybody/)
  })
})

describe('signalbox.config.ts', { timeout: 90_000 }, () => {
  it('can give code: authenticate, codecs, interceptors and sinks', async () => {
    await write('verify.ts', "export const isValid = (token: string): boolean => token === 'a.b.c'")
    await write(
      'workflows.ts',
      `import { proxyActivities, proxySinks } from '@temporalio/workflow'
const { shout } = proxyActivities<{ shout(text: string): string }>({ startToCloseTimeout: '5s' })
const { notes } = proxySinks<{ notes: { take(text: string): void } }>()
export async function speak(text: string): Promise<string> {
  notes.take('spoke')
  return shout(text)
}`,
    )
    await write('activities.ts', 'export const shout = (text: string) => text.toUpperCase()')
    await write(
      'signalbox.config.ts',
      `import { appendFileSync } from 'node:fs'
import { defineConfig } from 'signalbox/api'
import { isValid } from './verify.ts'

const turned = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 0x55)
export default defineConfig({
  workflows: './workflows.ts',
  activities: 'activities.ts',
  dataDir: 'data',
  port: 0,
  host: '0.0.0.0',
  authenticate: async (token) => (isValid(token) ? { scopes: ['admin'] } : undefined),
  dataConverter: {
    payloadCodecs: [
      {
        encode: async (payloads) => payloads.map((one) => ({ ...one, data: turned(one.data!) })),
        decode: async (payloads) => payloads.map((one) => ({ ...one, data: turned(one.data!) })),
      },
    ],
  },
  interceptors: {
    activity: [() => ({ inbound: { execute: async (input, next) => \`<\${await next(input)}>\` } })],
  },
  sinks: {
    notes: {
      take: { fn: (_info, text) => appendFileSync(new URL('./notes', import.meta.url), String(text)) },
    },
  },
})
`,
    )
    const process = serve()
    const url = (await process.url()).replace('0.0.0.0', '127.0.0.1')
    const call = (method: string, path: string, token: string, body?: object) =>
      send(url, method, base + path, body, { authorization: `Bearer ${token}` })
    expect((await call('GET', '/workflows', 'x.y.z')).status).toBe(401)
    const input = ['good morning everybody']
    const started = await call('POST', '/workflows/s', 'a.b.c', {
      workflowType: { name: 'speak' },
      input,
    })
    expect(started.status).toBe(200)
    expect((await call('GET', '/workflows/s/result', 'a.b.c')).json).toMatchObject({
      result: '<GOOD MORNING EVERYBODY>',
    })
    expect(await readFile(join(folder, 'notes'), 'utf8')).toBe('spoke')
    await process.stop()
    // Codecs stand where payloads enter: nothing of them is in the journal as it was.
    const data = join(folder, 'data')
    expect(await restsIn(data, 'speak')).toBe(true)
    for (const text of input.concat('GOOD MORNING EVERYBODY'))
      expect(await restsIn(data, text)).toBe(false)
  })

  it('can be JavaScript', async () => {
    await write('signalbox.config.mjs', `export default ${JSON.stringify(usable)}`)
    expect(await serve().url()).toMatch(/^http:/)
  })
})

describe('signalbox serve refuses', { timeout: 90_000 }, () => {
  async function refusal(...args: Parameters<typeof serve>): Promise<string> {
    const exit = await serve(...args).exit
    expect(exit.code).toBe(1)
    expect(exit.stderr).toContain('SIGNALBOX_ERR_INVALID_OPTION')
    expect(exit.stderr).not.toMatch(/\n\s+at /)
    expect(existsSync(join(folder, 'data'))).toBe(false)
    return exit.stderr
  }

  it('options that there are not, all at once, by path and with the one that was meant', async () => {
    await write('signalbox.config.json', {
      ...usable,
      worfklows: 'x',
      tokens: [
        { hash: hashOf('a'), scopes: ['read'] },
        { hash: 'pa55word', scopes: ['reed'], scope: [] },
      ],
      limits: { maxMailboxDepht: 1, bodyBytes: -1 },
      namespaces: { shop: { requestPerSecond: 1 } },
      tls: { cert: 'c.pem', minVersion: 'SSLv3' },
      authenticate: 'yes',
      slots: 1.5,
      prefix: 'box/',
    })
    const text = (await refusal()).replace(' (SIGNALBOX_ERR_INVALID_OPTION)', '')
    expect(
      text
        .split('\n')
        .slice(1, -1)
        .map((line) => line.trim())
        .sort(),
    ).toEqual(
      [
        'worfklows is not an option; did you mean workflows?',
        'tokens[1].hash must be sha256: and 64 hex digits: make one with "signalbox token"',
        'tokens[1].scopes[0] must be one of read, signal, start, admin',
        'tokens[1].scope is not an option; did you mean scopes?',
        'limits.maxMailboxDepht is not an option; did you mean maxMailboxDepth?',
        'limits.bodyBytes must be a number above 0',
        'namespaces.shop.requestPerSecond is not an option; did you mean requestsPerSecond?',
        'tls.key is missing',
        'tls.minVersion must be one of TLSv1.2, TLSv1.3',
        'authenticate must be a function (token, request) => grant, in a .ts or .js file',
        'slots must be a whole number from 1 to 256',
        'prefix must be a path such as /signals, with a slash at its beginning alone',
      ].sort(),
    )
    expect(text).toContain('signalbox.config.json has errors')
    expect(text).not.toContain('pa55word')
  })

  it('a file that cannot be read as one', async () => {
    await write('signalbox.config.json', '{\n  "workflows": secret-word\n}')
    const broken = await refusal()
    expect(broken).toMatch(/signalbox\.config\.json is not valid JSON at line 2, column 16 /)
    expect(broken).not.toContain('secret-word')
    await write('signalbox.config.json', '[]')
    expect(await refusal()).toMatch(/the configuration must be an object/)
    expect(await refusal(['--config', 'none.json'])).toMatch(/none\.json is not there/)
    await write('broken.ts', "import x from 'not-installed'\nexport default x")
    expect(await refusal(['-c', 'broken.ts'])).toMatch(
      /broken\.ts cannot be loaded.*not-installed/s,
    )
    await write('empty.ts', 'export const config = {}')
    expect(await refusal(['-c', 'empty.ts'])).toMatch(/empty\.ts has no default export/)
    await write('signalbox.config.ts', 'export default {}')
    expect(await refusal()).toMatch(/signalbox\.config\.ts are both there/)
  })

  it('what it cannot do without, naming how to give it', async () => {
    expect(await refusal()).toMatch(/required option '--workflows <file>'/)
    await write('signalbox.config.json', { workflows: workflowsPath })
    expect(await refusal()).toMatch(/required option '--data-dir <folder>'.* dataDir/)
  })

  it('a host for metrics that have no port', async () => {
    await write('signalbox.config.json', { ...usable, metrics: { host: '127.0.0.1' } })
    expect(await refusal()).toMatch(/metrics\.host goes with metrics\.port/)
  })

  it('a public address, unless the file says who may come in', async () => {
    const open = { ...usable, host: '0.0.0.0' }
    await write('signalbox.config.json', { ...open, tokens: [] })
    expect(await refusal()).toMatch(/can be reached from other machines/)
    await rm(join(folder, 'signalbox.config.json'))
    await write(
      'signalbox.config.mjs',
      `export default { ...${JSON.stringify(open)}, authenticate: () => undefined }`,
    )
    await serve().url()
  })

  it('rules that grant nothing, or the same token twice', async () => {
    const hash = hashOf('a')
    await write('signalbox.config.json', { ...usable, tokens: [{ hash }] })
    const { stderr } = await serve().exit
    expect(stderr).toMatch(/tokens\[0\]\.scopes must be given/)
    const rule = { hash, scopes: ['read'] }
    await write('signalbox.config.json', {
      ...usable,
      tokens: [rule, { ...rule, hash: `sha256:${hash.slice(7).toUpperCase()}` }],
    })
    expect((await serve().exit).stderr).toMatch(/tokens\[1\]\.hash is that of tokens\[0\]/)
  })
})

describe('the check of a configuration', () => {
  it('never fails, says where each problem is, and shows no value', () => {
    const names = [
      ['workflows', 'tokens', 'hash', 'scopes', 'namespaces', 'limits', 'bodyBytes', 'tls', 'key'],
      ['interceptors', 'workflowModules', 'sinks', 'port', 'a/b', 'c~d', '', '__proto__', '0'],
    ].flat()
    const secret = 'hunter2-hunter2-hunter2'
    const { value } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        tie('leaf'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
      ),
      leaf: fc.oneof(fc.constant(secret), fc.constant(null), fc.double(), fc.boolean()),
    }))
    fc.assert(
      fc.property(value, (given) => {
        const config: unknown = JSON.parse(JSON.stringify(given))
        const problems = configProblems(config)
        for (const { option, problem } of problems) {
          expect(option + problem).not.toContain(secret)
          expect(problem).toMatch(/^(?:must be .|is missing$|is not an option; .)/)
        }
        expect(new Set(problems.map(({ option }) => option)).size).toBe(problems.length)
        expect(problems.length === 0).toBe(Compile(configSchema).Check(config))
      }),
      { numRuns: 500 },
    )
  })
})

describe('signalbox token', { timeout: 90_000 }, () => {
  it('prints the entry of the file that lets the token in', async () => {
    const args = ['token', '--name', 'shop', '--scope', 'read', 'signal', '--namespace', 'shop']
    const { stdout } = await new CliProcess(args).exit
    const token = /^token {2}(\S+)$/m.exec(stdout)?.[1] ?? ''
    const [entry = ''] = stdout.trim().split('\n').slice(-1)
    expect(entry).not.toContain(token)
    const rule: object = JSON.parse(entry)
    expect(rule).toMatchObject({ name: 'shop', scopes: ['read', 'signal'], namespaces: ['shop'] })
    await write('signalbox.config.json', { ...usable, tokens: [rule] })
    const url = await serve().url()
    const status = async (namespace: string) =>
      (
        await send(url, 'GET', `/namespaces/${namespace}/workflows`, undefined, {
          authorization: `Bearer ${token}`,
        })
      ).status
    expect([await status('shop'), await status('default')]).toEqual([200, 403])
    const refused = await new CliProcess(['token', '--scope', 'all']).exit
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('read, signal') })
  })
})
