import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ApiServer, openApiServer } from './fixtures/api-server.ts'
import { CliProcess, type Exit } from './fixtures/serve-process.ts'

// A verb is a process, and on a busy machine each takes seconds to begin.
vi.setConfig({ testTimeout: 120_000 })

let api: ApiServer
let folder: string
const running: CliProcess[] = []
beforeAll(async () => {
  api = await openApiServer()
  folder = await mkdtemp(join(tmpdir(), 'signalbox-verbs-'))
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop('SIGKILL')))
})
afterAll(async () => {
  await api.close()
  await rm(folder, { recursive: true, force: true })
})

/** Run a verb against the server, which it finds by the environment. */
function workflow(...args: string[]): Promise<Exit> {
  const process = new CliProcess(['workflow', ...args], { env: { SIGNALBOX_ADDRESS: api.url } })
  running.push(process)
  return process.exit
}
async function json(...args: string[]): Promise<unknown> {
  const exit = await workflow(...args, '--output', 'json')
  expect(exit).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(exit.stdout)
}
const items = (workflowId: string) =>
  api.runtime.client.workflow.getHandle(workflowId).query<unknown[]>('items')

describe('signalbox workflow', () => {
  it('changes nothing by a query that is empty, as of a variable that is not set', async () => {
    await workflow('start', '--type', 'collector', '--workflow-id', 'spared')
    for (const args of [
      ['delete', '--yes'],
      ['terminate', '--yes'],
      ['reset', '--type', 'FirstWorkflowTask', '--reason', 'x', '--yes'],
    ]) {
      expect(await workflow(...args, '--query', ' ')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('--query is empty'),
      })
    }
    expect(await items('spared')).toEqual([])
  })

  it('refuses numbers that would become others', async () => {
    const start = ['start', '--type', 'collector', '--workflow-id', 'digits']
    for (const flag of [
      ['--input', '[12345678901234567890]'],
      ['--memo', 'n=1e999'],
    ]) {
      expect(await workflow(...start, ...flag)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('send it as a string'),
      })
    }
  })

  it('takes no reason for a signal, which nothing would record', async () => {
    const signal = ['signal', '--workflow-id', 'verbs', '--name', 'add', '--reason', 'x']
    expect(await workflow(...signal)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("unknown option '--reason'"),
    })
  })

  it('starts, signals, queries, describes, shows and ends a workflow', async () => {
    const w = ['--workflow-id', 'verbs']
    expect(await json('start', ...w, '--type', 'collector', '--input', '"first"')).toMatchObject({
      workflowId: 'verbs',
      started: true,
    })
    await json('signal', ...w, '--name', 'add', '--input', '1', '--input', '{"a":[2]}')
    expect(await json('query', ...w, '--name', 'items')).toEqual({
      queryResult: [['first', 1, { a: [2] }]],
    })
    const described = await workflow('describe', ...w)
    expect(described.stdout).toMatch(/Status +RUNNING/)
    expect((await workflow('show', ...w)).stdout).toMatch(/1 .* WorkflowExecutionStarted\n/)
    expect(await json('show', ...w)).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ eventId: '1' })]),
    })
    await json('signal', ...w, '--name', 'finish')
    expect(await json('result', ...w)).toMatchObject({ result: ['first', 1, { a: [2] }] })
  })

  it('resets a workflow to an event or a kind of task, or all that match', async () => {
    const w = ['--workflow-id', 'reset']
    await json('start', ...w, '--type', 'collector')
    const { workflow: client } = api.runtime.client
    for (const n of [1, 2, 3]) {
      await client.getHandle('reset').signal({ signal: 'add', waitFor: 'processed' }, n)
    }
    const { events } = await client.getHandle('reset').fetchHistory()
    const tasks = events.filter(({ eventType }) => eventType.endsWith('_TASK_COMPLETED'))
    const third = ['--event-id', String(tasks[2]?.eventId), '--reapply-exclude', 'signal']
    const made = (await json('reset', ...w, ...third, '--reason', 'mended')) as { runId: string }
    expect(await items('reset')).toEqual([1, 2])
    const { stdout } = await workflow('describe', ...w)
    expect(stdout).toContain(made.runId)
    expect(stdout).toMatch(/ResetFrom .*, event \d+\n +ResetReason +mended/)
    const shown = await workflow(
      'describe',
      ...w,
      '--run-id',
      stdout.match(/ResetFrom +(\S+),/)?.[1] ?? '',
    )
    expect(shown.stdout).toMatch(new RegExp(`ResetTo +${made.runId}`))
    for (const type of ['FirstWorkflowTask', 'LastWorkflowTask']) {
      await json('reset', ...w, '--type', type, '--reason', 'again')
      expect(await items('reset')).toEqual([1, 2])
    }
    const query = "WorkflowId = 'reset' AND ExecutionStatus = 'Running'"
    const many = ['--query', query, '--type', 'FirstWorkflowTask', '--reason', 'all', '--yes']
    expect(await json('reset', ...many)).toEqual({ changed: 1, failed: 0 })
    expect(await items('reset')).toEqual([1, 2])
  })

  it('tells whoever waits that a workflow is parked, why and where, and shows it as its stack', async () => {
    const w = ['--workflow-id', 'parked']
    const flags = [...w, '--type', 'broken', '--output', 'json']
    const waiting = new CliProcess(['workflow', 'execute', ...flags], {
      env: { SIGNALBOX_ADDRESS: api.url },
    })
    running.push(waiting)
    const place = /\n +at broken \(.*fixtures\/workflows\.ts:\d+:\d+\)/
    await vi.waitFor(
      () => expect(waiting.stderr).toMatch(/Still waiting.*ApplicationFailure/),
      60_000,
    )
    expect(waiting.stderr).toMatch(/^workflow parked is parked: TypeError: a defect\n/)
    expect(waiting.stderr).toMatch(place)
    expect(waiting.stdout).toBe('')
    for (const verb of ['describe', 'stack']) {
      const { code, stdout } = await workflow(verb, ...w)
      expect(code).toBe(0)
      expect(stdout).toMatch(/Parked by:\nTypeError: a defect\n/)
      expect(stdout).toMatch(place)
    }
    // For programs there is the answer of the query alone.
    expect(await workflow('stack', ...w, '--output', 'json')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SIGNALBOX_ERR_WORKFLOW_NOT_READY'),
    })
    await workflow('terminate', ...w, '--yes')
    const { code, stderr } = await waiting.exit
    expect(code).toBe(3)
    // Once, however often it was tried again.
    expect(stderr.match(/Still waiting/g)).toHaveLength(1)
  })

  it('pauses a workflow, tells who and why, and lets it go on', async () => {
    const w = ['--workflow-id', 'paused']
    await json('start', ...w, '--type', 'collector')
    const pause = ['pause', ...w, '--reason', 'for now', '--request-id', 'p']
    for (let round = 0; round < 2; round++) expect(await json(...pause)).toEqual({})
    const { stdout } = await workflow('describe', ...w)
    expect(stdout).toMatch(/Status +PAUSED/)
    expect(stdout).toMatch(/PausedBy +signalbox-cli/)
    expect(stdout).toMatch(/PauseReason +for now/)
    expect(await json('query', ...w, '--name', 'items')).toEqual({
      queryRejected: { status: 'WORKFLOW_EXECUTION_STATUS_PAUSED' },
    })
    await json('signal', ...w, '--name', 'add', '--input', '1')
    expect(await workflow('pause', ...w)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('unpause it first'),
    })
    await json('unpause', ...w)
    expect(await items('paused')).toEqual([1])
  })

  it('deletes a workflow, and all that match', async () => {
    for (const id of ['gone-1', 'gone-2', 'gone-3']) {
      await json('start', '--workflow-id', id, '--type', 'collector')
    }
    await json('terminate', '--workflow-id', 'gone-2')
    const one = await workflow('delete', '--workflow-id', 'gone-1', '--reason', 'not needed')
    expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('gone-1') })
    const again = await workflow('delete', '--workflow-id', 'gone-1')
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/not found/) })
    const many = ['delete', '--query', "WorkflowId STARTS_WITH 'gone-'"]
    expect(await workflow(...many)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/2 workflows match\. .*--yes/),
    })
    expect(await json(...many, '--yes')).toEqual({ changed: 2, failed: 0 })
    expect(await json('list', '--query', "WorkflowId STARTS_WITH 'gone-'")).toEqual([])
  })

  it('updates a workflow once for an update id, and tells rejected and failed updates', async () => {
    await json('start', '--workflow-id', 'updated', '--type', 'updatable')
    const args = ['--workflow-id', 'updated', '--name', 'append']
    const once = [...args, '--update-id', 'once', '--input', '1']
    for (let round = 0; round < 2; round++) {
      expect(await json('update', 'execute', ...once)).toMatchObject({
        updateRef: { workflowExecution: { workflowId: 'updated' }, updateId: 'once' },
        stage: expect.stringMatching(/_COMPLETED$/),
        outcome: { success: [[1]] },
      })
    }
    const shown = await workflow('update', 'execute', ...args, '--input', '{"a":2}')
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Result +\[1,\{"a":2\}\]/),
    })
    const rejected = await workflow('update', 'execute', ...args, '--input', 'null')
    expect(rejected).toMatchObject({ code: 3, stderr: expect.stringContaining('nothing given') })
    const failed = await workflow('update', 'execute', ...args, '--input', '"fail"')
    expect(failed).toMatchObject({ code: 3, stderr: expect.stringContaining('told to fail') })
    expect(await items('updated')).toEqual([1, { a: 2 }])
  })

  it('starts an update, and gets its outcome by its id later', async () => {
    await json('start', '--workflow-id', 'waiting', '--type', 'updatable')
    const args = ['--workflow-id', 'waiting', '--name', 'settle', '--update-id', 'later']
    const accepted = await json('update', 'start', ...args, '--wait-for-stage', 'accepted')
    expect(accepted).toMatchObject({ stage: expect.stringMatching(/_ACCEPTED$/) })
    expect(accepted).not.toHaveProperty('outcome')
    const byId = ['--workflow-id', 'waiting', '--update-id', 'later']
    expect(await json('update', 'describe', ...byId)).toEqual(accepted)
    const outcomes = [json('update', 'execute', ...args), json('update', 'result', ...byId)]
    await json('signal', '--workflow-id', 'waiting', '--name', 'release')
    for (const outcome of [...outcomes, json('update', 'describe', ...byId)]) {
      expect(await outcome).toMatchObject({ outcome: { success: ['released'] } })
    }
    expect((await workflow('update', 'result', ...byId)).stdout).toMatch(/Result +"?released/)
  })

  it('executes, signals with start, lists and counts', async () => {
    const executed = await workflow('execute', '--type', 'echo', '--input', '[1,2]')
    expect(executed).toMatchObject({ code: 0, stdout: expect.stringContaining('[1,2]') })
    const both = ['signal-with-start', '--workflow-id', 'both', '--type', 'collector']
    await json(...both, '--signal-name', 'add', '--signal-input', '7')
    expect(await items('both')).toEqual([7])
    const query = "WorkflowId = 'both'"
    expect(await json('list', '--query', query)).toHaveLength(1)
    expect(await json('count', '--query', query)).toEqual({ count: '1' })
    expect((await workflow('list', '--query', query)).stdout).toMatch(
      /^Status +WorkflowId +Type +StartTime\nRUNNING +both +collector/,
    )
  })

  it('cancels and terminates one, or all that match once told to', async () => {
    for (const id of ['end-1', 'end-2', 'end-3']) {
      await json('start', '--workflow-id', id, '--type', 'sleeper')
    }
    await json('terminate', '--workflow-id', 'end-1', '--reason', 'enough')
    const query = "WorkflowType = 'sleeper'"
    expect(await workflow('cancel', '--query', query)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--yes'),
    })
    expect(await json('cancel', '--query', query, '--yes')).toEqual({ changed: 2, failed: 0 })
    const result = await workflow('result', '--workflow-id', 'end-1')
    expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining('enough') })
  })

  it('says what is wrong and what to do, without a stack', async () => {
    const cases: [code: number, message: RegExp, args: string[]][] = [
      [1, /workflow not found.*SIGNALBOX_ERR_WORKFLOW_NOT_FOUND/, ['describe', '-w', 'nobody']],
      [1, /required option '--type <name>'/, ['start']],
      [1, /is not JSON\. Text needs quotes/, ['start', '--type', 'echo', '--input', 'text']],
      [1, /Give a duration/, ['start', '--type', 'echo', '--run-timeout', 'soon']],
      [1, /required option '--wait-for-stage/, ['update', 'start', '-w', 'w', '--name', 'n']],
      [1, /either --workflow-id or --query/, ['terminate']],
      [1, /required option '--reason <text>'/, ['reset', '--workflow-id', 'w', '--event-id', '4']],
      [1, /either --event-id or --type/, ['reset', '--workflow-id', 'w', '--reason', 'x']],
      [
        1,
        /has not continued as new: use/,
        ['reset', '-w', 'verbs', '-t', 'LastContinuedAsNew', '--reason', 'x'],
      ],
      [
        1,
        /no workflow task .* The nearest: \d+/,
        ['reset', '-w', 'verbs', '-e', '2', '--reason', 'x'],
      ],
      [1, /update "none" not found/, ['update', 'describe', '-w', 'verbs', '--update-id', 'none']],
      [2, /cannot reach http:\/\/127\.0\.0\.1:9/, ['list', '--address', '127.0.0.1:9']],
      [3, /is FAILED: out of stock/, ['execute', '--type', 'failing']],
    ]
    for (const [code, message, args] of cases) {
      const exit = await workflow(...args)
      expect(exit.stderr, args.join(' ')).toMatch(message)
      expect(exit.code, args.join(' ')).toBe(code)
      expect(exit.stderr).not.toMatch(/\n\s+at /)
    }
  })

  it('sends a file of signals, and nothing twice when it is sent again', async () => {
    await json('start', '--workflow-id', 'file', '--type', 'collector')
    const file = join(folder, 'events.ndjson')
    const line = (n: number, id = 'file') =>
      `${JSON.stringify({ workflowId: id, signalName: 'add', input: [n] })}\n`
    const lines = Array.from({ length: 3000 }, (_, n) => line(n))
    await writeFile(file, lines.join(''))
    for (let round = 0; round < 2; round++) {
      expect(await json('signal', '--input-file', file)).toMatchObject({ sent: 3000, refused: 0 })
    }
    expect(await items('file')).toEqual(lines.map((_line, n) => n))
    await writeFile(file, `${line(1, 'file')}\n{broken\n${line(2, 'nobody')}${line(3)}`)
    const exit = await workflow('signal', '--input-file', file)
    expect(exit).toMatchObject({ code: 4, stdout: expect.stringMatching(/Refused +2/) })
    expect(exit.stderr).toMatch(/^line 3: .*JSON.*\nline 4: workflow not found/)
    expect((await items('file')).slice(3000)).toEqual([1, 3])
  })

  it('sends the lines of a file as they are, and each once whatever its request id says', async () => {
    await json('start', '--workflow-id', 'exact', '--type', 'collector')
    const file = join(folder, 'exact.ndjson')
    const line = (input: string, id = '') =>
      `{"workflowId":"exact","signalName":"add","input":["${input}"]${id}}\n`
    const lines =
      line('empty', ',"requestId":""') +
      line('null', ',"requestId":null') +
      line('snake', ',"request_id":""') +
      line('own', ',"requestId":"mine"') +
      line('é') +
      line('last').trimEnd()
    await writeFile(
      file,
      Buffer.concat([Buffer.from(line('caf\u00e9'), 'latin1'), Buffer.from(lines)]),
    )
    for (let round = 0; round < 2; round++) {
      const exit = await workflow('signal', '--input-file', file)
      expect(exit).toMatchObject({ code: 4, stdout: expect.stringMatching(/Sent +6/) })
      expect(exit.stderr).toMatch(/^line 1: .*UTF-8/)
    }
    expect(await items('exact')).toEqual(['empty', 'null', 'snake', 'own', 'é', 'last'])
    const argument = join(folder, 'latin1.json')
    await writeFile(argument, Buffer.from('"caf\u00e9"', 'latin1'))
    expect(
      await workflow('signal', '-w', 'exact', '--name', 'add', '--input-file', argument),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('latin1.json is not UTF-8') })
    expect(
      await workflow(
        'signal',
        '--input-file',
        file,
        '--input-file',
        file,
        '--idempotency-key',
        'k',
      ),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('is for one file') })
    expect(await items('exact')).toHaveLength(6)
  })

  it.each(['.', '..'])('reaches a workflow with the id %s, and no other', async (id) => {
    await json('start', '--workflow-id', id, '--type', 'collector')
    await json(
      'start',
      '--workflow-id',
      'signal',
      '--type',
      'collector',
      '--id-conflict-policy',
      'UseExisting',
    )
    await json('signal', '-w', id, '--name', '..', '--input', '1')
    await json('signal', '-w', id, '--name', 'add', '--input', '1')
    await json('signal', '-w', id, '--name', 'cancel')
    const list = ['--query', `WorkflowId = '${id}'`, '--yes']
    await json('signal', ...list, '--name', 'add', '--input', '2')
    expect(await items(id)).toEqual([1, 2])
    expect(await json('terminate', '-w', id, '--reason', 'done')).toEqual({})
    expect(await json('describe', '-w', id)).toMatchObject({
      workflowExecutionInfo: { execution: { workflowId: id } },
    })
    expect(await json('describe', '-w', 'signal')).toMatchObject({
      workflowExecutionInfo: { status: expect.stringMatching('RUNNING') },
    })
  })

  it('takes a variable that is empty for one that is not set', async () => {
    const env = { SIGNALBOX_NAMESPACE: '', SIGNALBOX_TOKEN: '', SIGNALBOX_TLS_CA: '' }
    const args = ['workflow', 'count', '--address', api.url]
    expect(await new CliProcess(args, { env }).exit).toMatchObject({ code: 0, stderr: '' })
    expect(await new CliProcess([...args, '--namespace', '']).exit).toMatchObject({ code: 1 })
  })

  it('goes on with a file after it was killed, and applies every line once', async () => {
    await json('start', '--workflow-id', 'killed', '--type', 'collector')
    const file = join(folder, 'killed.ndjson')
    const count = 30_000
    const line = (n: number) =>
      `${JSON.stringify({ workflowId: 'killed', signalName: 'add', input: [n] })}\n`
    await writeFile(file, Array.from({ length: count }, (_, n) => line(n)).join(''))
    const args = ['workflow', 'signal', '--input-file', file, '--address', api.url]
    const first = new CliProcess(args)
    running.push(first)
    while ((await items('killed')).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await first.stop('SIGKILL')
    const exit = await workflow('signal', '--input-file', file, '--output', 'json')
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(await items('killed')).toEqual(Array.from({ length: count }, (_, n) => n))
  })
})

describe('signalbox', () => {
  it('completes commands in bash, and makes tokens', async () => {
    const completion = await new CliProcess(['completion', 'bash']).exit
    const complete = promisify(execFile)
    const completed = async (...words: string[]) => {
      const script = `${completion.stdout}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _signalbox; echo "\${COMPREPLY[*]}"`
      return (await complete('bash', ['-c', script, 'bash', 'signalbox', ...words])).stdout.trim()
    }
    expect(await completed('work')).toBe('workflow')
    expect(await completed('workflow', 'sig')).toBe('signal-with-start signal')
    expect(await completed('workflow', 'update', 'ex')).toBe('execute')
    expect(await completed('workflow', 'signal', '-w', 'data', '--input-')).toBe('--input-file')
    expect((await new CliProcess(['completion', 'fish']).exit).code).toBe(0)
    const { stdout } = await new CliProcess(['token']).exit
    expect(stdout).toMatch(/^token {2}[\w-]{43}\nhash {3}sha256:[0-9a-f]{64}\n\n/)
  })
})
