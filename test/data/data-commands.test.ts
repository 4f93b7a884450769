import { readFileSync, writeFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CliProcess, type Exit } from '../api/fixtures/serve-process.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers, temporaryFolder } from '../fixtures/lab.ts'

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

function data(...args: string[]): Promise<Exit> {
  const process = new CliProcess(['data', ...args])
  onTestFinished(() => void process.child.kill('SIGKILL'))
  return process.exit
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const exit = await data(...args, '--output', 'json')
  expect(exit).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(exit.stdout) as Record<string, unknown>
}

/** The lines of a dump. */
async function dump(dataDir: string, ...args: string[]): Promise<{ workflowId: string }[]> {
  const { code, stdout, stderr } = await data('dump', '--data-dir', dataDir, ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { workflowId: string })
}

/** A folder, closed, with workflows of several kinds and states. */
async function madeFolder(): Promise<string> {
  const lab = await Lab.create()
  const { client, service } = await lab.open({ code: 'retention-workflows.ts' })
  for (const n of numbers(5)) {
    await client.workflow.execute('brief', { workflowId: `brief-${n}`, args: [`marker-${n}`] })
  }
  await client.workflow.execute('chain', { workflowId: 'chain', args: [2] })
  await client.workflow.start('leaver', { workflowId: 'open', args: [2] })
  await client.workflow.getHandle('open').signal('say', 'marker-said')
  await client.workflow.getHandle('open').executeUpdate('tell', { args: ['marker-told'] })
  await service.startWorkflow({
    namespace: 'n2',
    workflowId: 'other',
    workflowType: 'waits',
    args: [],
  })
  await lab.close()
  return lab.dataDir
}

/** Flip a bit of the first or last place where the file has the text. */
function flip(dataDir: string, text: string): void {
  const name = path.join(dataDir, 'journal', 'data.mdb')
  const bytes = readFileSync(name)
  let places = 0
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at]! ^= 0x10
    places++
  }
  expect(places).toBeGreaterThan(0)
  writeFileSync(name, bytes)
}

describe('signalbox data on a folder that another process serves', () => {
  test('backs it up, checks, measures and exports it, and refuses to compact it', async () => {
    const folder = await temporaryFolder()
    const dataDir = path.join(folder, 'data')
    const server = new CliProcess([
      'serve',
      '--workflows',
      file('../api/fixtures/workflows.ts'),
      '--data-dir',
      dataDir,
      '--port',
      '0',
      '--slots',
      '1',
      '--log-level',
      'error',
    ])
    onTestFinished(() => void server.child.kill('SIGKILL'))
    const api = `${await server.url()}/api/v1/namespaces/default`
    const post = async (route: string, body: object): Promise<void> => {
      const response = await fetch(`${api}${route}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      expect(response.status).toBe(200)
    }
    await post('/workflows/w', { workflowType: { name: 'collector' } })
    const state = { sent: 0, stopped: false }
    const load = (async () => {
      for (; !state.stopped; state.sent++) {
        await post('/workflows/w/signal/add', { input: [state.sent] })
      }
    })()
    await eventually('some signals are sent', () => state.sent >= 50)

    const before = state.sent
    const target = path.join(folder, 'copies', 'one')
    expect(await json('backup', '--data-dir', dataDir, '--to', target)).toMatchObject({
      path: target,
    })
    const [stats, verified, found, refused] = await Promise.all([
      json('stats', '--data-dir', dataDir),
      json('verify', '--data-dir', dataDir),
      dump(dataDir, '--workflow-id', 'w'),
      data('compact', '--data-dir', dataDir),
    ])
    expect(stats).toMatchObject({
      owner: expect.stringContaining(`process ${server.child.pid}`),
      runs: 1,
      runsByStatus: { RUNNING: 1 },
      largest: [expect.objectContaining({ workflowId: 'w', workflowType: 'collector' })],
    })
    expect(stats['inputs']).toBeGreaterThan(before)
    expect(verified).toMatchObject({ runs: 1, damages: 0, found: [] })
    expect(found).toMatchObject([{ workflowId: 'w', status: 'RUNNING' }])
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/open in process .*Stop it first.*backup --compact/),
    })
    state.stopped = true
    await load
    await server.stop('SIGKILL')

    const copy = await Lab.at(target).open({ code: '../api/fixtures/workflows.ts' })
    const items = await copy.client.workflow.getHandle('w').query<unknown[]>('items')
    expect(items.filter((item) => item !== undefined && item !== null)).toEqual(
      expect.arrayContaining(numbers(before)),
    )
    // What the killed server had acknowledged, and nothing is wrong with what it left.
    expect(await json('verify', '--data-dir', dataDir)).toMatchObject({ damages: 0 })
    expect(await dump(dataDir)).toMatchObject([{ workflowId: 'w' }])
    const history = JSON.stringify(await dump(dataDir))
    expect(history.split('EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED').length - 1).toBe(state.sent)
  }, 240_000)
})

describe('signalbox data on a stopped folder', () => {
  test('exports by filter, and the same after the folder was compacted', async () => {
    const dataDir = await madeFolder()
    const all = await dump(dataDir)
    expect(all.map(({ workflowId }) => workflowId)).toEqual([
      ...numbers(5).map((n) => `brief-${n}`),
      'chain',
      'chain',
      'chain',
      'open',
      'other',
    ])
    expect(
      await dump(dataDir, '--query', "WorkflowType = 'brief' AND WorkflowId > 'brief-2'"),
    ).toEqual(all.slice(3, 5))
    expect(await dump(dataDir, '--namespace', 'n2')).toEqual(all.slice(9))
    const to = path.join(path.dirname(dataDir), 'dump.ndjson')
    expect(
      await data('dump', '--data-dir', dataDir, '--workflow-id', 'open', '--to', to),
    ).toMatchObject({
      code: 0,
      stdout: '',
    })
    expect(JSON.parse(await readFile(to, 'utf8'))).toEqual(all[8])
    const compacted = await json('compact', '--data-dir', dataDir)
    expect(compacted['bytesAfter']).toBeLessThanOrEqual(compacted['bytesBefore'] as number)
    expect(await dump(dataDir)).toEqual(all)
    const { client } = await Lab.at(dataDir).open({ code: 'retention-workflows.ts' })
    expect(await client.workflow.getHandle('open').query('heard')).toEqual([
      'marker-said',
      'marker-told',
    ])
  }, 240_000)

  test('shows people tables, and says what is wrong with a command', async () => {
    const dataDir = await madeFolder()
    const stats = await data('stats', '--data-dir', dataDir, '--largest', '2')
    expect(stats.code).toBe(0)
    expect(stats.stdout).toMatch(/TABLE +ENTRIES +SIZE\nhistories +\d+ +[\d.]+ [KM]iB\n/)
    expect(stats.stdout).toMatch(/STATUS +RUNS\nCOMPLETED +6\nCONTINUED_AS_NEW +2\nRUNNING +2\n/)
    expect(stats.stdout).toMatch(/NAMESPACE +RUNS\ndefault +9\nn2 +1\n/)
    expect(stats.stdout.split('LARGEST HISTORIES')[1]?.trim().split('\n')).toHaveLength(3)
    const empty = await temporaryFolder()
    for (const command of ['stats', 'verify', 'dump', 'compact']) {
      const exit = await data(command, '--data-dir', empty)
      expect(exit).toMatchObject({ code: 1, stderr: expect.stringMatching(/not a data folder/) })
    }
    const taken = await data('backup', '--data-dir', dataDir, '--to', path.dirname(dataDir))
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/is there already/) })
    const filter = await data('dump', '--data-dir', dataDir, '--query', 'nonsense')
    expect(filter).toMatchObject({ code: 1, stderr: expect.stringMatching(/INVALID_ARGUMENT/) })
  }, 240_000)

  test('is told that its file was cut, wherever, by every command and by serve', async () => {
    const dataDir = await madeFolder()
    const whole = await readFile(path.join(dataDir, 'journal', 'data.mdb'))
    const workflows = file('../fixtures/retention-workflows.ts')
    for (const bytes of [0, 5_000, 20_000, 65_536, Math.floor(whole.length / 2)]) {
      const cut = path.join(path.dirname(dataDir), `cut-${bytes}`)
      await cp(dataDir, cut, { recursive: true })
      await writeFile(path.join(cut, 'journal', 'data.mdb'), whole.subarray(0, bytes))
      for (const args of [['verify'], ['stats'], ['dump']]) {
        const exit = await data(...args, '--data-dir', cut)
        expect(exit, `${args[0]} at ${bytes}`).toMatchObject({
          code: 5,
          stderr: expect.stringContaining('SIGNALBOX_ERR_JOURNAL_CORRUPT'),
        })
      }
      // An empty file is what is left of a first start that was killed: the next one goes on.
      if (bytes === 0) continue
      const serve = new CliProcess([
        'serve',
        '--workflows',
        workflows,
        '--data-dir',
        cut,
        '--port',
        '0',
      ])
      onTestFinished(() => void serve.child.kill('SIGKILL'))
      expect(await serve.exit, `serve at ${bytes}`).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('SIGNALBOX_ERR_JOURNAL_CORRUPT'),
      })
    }
  }, 240_000)

  test('finds damage and says where, and that code has changed', async () => {
    const lab = await Lab.create()
    const activities = { reserve: async (item: string) => item, pay: async (item: string) => item }
    const { client } = await lab.open({ code: 'code/order-v1.ts', activities })
    const handle = await client.workflow.start('order', { workflowId: 'order-1' })
    await handle.signal({ signal: 'buy', waitFor: 'processed' }, 'marker-tea')
    while ((await handle.query<string[]>('bought')).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await lab.close()
    const { dataDir } = lab
    const replay = (code: string) =>
      data(
        'verify',
        '--data-dir',
        dataDir,
        '--replay',
        '--workflows',
        file(`../fixtures/code/${code}`),
        '-o',
        'json',
      )
    const same = await replay('order-v1.ts')
    const swapped = await replay('order-swapped.ts')
    expect(same).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(same.stdout)).toMatchObject({ damages: 0, replayed: 1, mismatches: [] })
    expect(swapped).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/1 open runs do not fit/),
    })
    expect(JSON.parse(swapped.stdout)).toMatchObject({
      mismatches: [{ workflowId: 'order-1', error: 'DeterminismViolationError' }],
    })
    flip(dataDir, 'marker-tea')
    const damaged = await data('verify', '--data-dir', dataDir)
    expect(damaged).toMatchObject({ code: 5, stderr: expect.stringMatching(/places are damaged/) })
    expect(damaged.stdout).toMatch(
      /damaged: run 1 in the data tree, .* at input 2 fails its checksum\n/,
    )
    const dumped = await data('dump', '--data-dir', dataDir)
    expect(dumped).toMatchObject({ code: 5, stderr: expect.stringMatching(/workflow order-1/) })
    expect(JSON.parse(dumped.stdout)).toMatchObject({
      damaged: expect.stringMatching(/checksum/),
      history: { events: expect.any(Array) },
    })
    const program = await data('verify', '--data-dir', dataDir, '--output', 'json')
    expect(program.code).toBe(5)
    expect(JSON.parse(program.stdout)).toMatchObject({
      found: expect.arrayContaining([
        expect.objectContaining({ place: expect.stringMatching(/^run 1 in the data tree/) }),
      ]),
    })
  }, 240_000)
})

test('a folder that is killed while it is compacted has all that it had', async () => {
  const dataDir = await madeFolder()
  const before = await dump(dataDir)
  const folder = await temporaryFolder()
  const loop = path.join(folder, 'data')
  await mkdir(folder, { recursive: true })
  for (let round = 0; round < 4; round++) {
    await rm(loop, { recursive: true, force: true })
    await cp(dataDir, loop, { recursive: true })
    const script = `
      import { compactData } from ${JSON.stringify(new URL('../../dist/runtime/data-compact.js', import.meta.url).href)}
      for (;;) { await compactData(${JSON.stringify(loop)}); process.stdout.write('.') }
    `
    const { spawn } = await import('node:child_process')
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await new Promise((resolve) => setTimeout(resolve, 7 * round))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    expect(await dump(loop)).toEqual(before)
    await json('compact', '--data-dir', loop)
    expect(await json('verify', '--data-dir', loop)).toMatchObject({ damages: 0 })
  }
}, 240_000)
