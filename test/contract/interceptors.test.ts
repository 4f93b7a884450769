import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import {
  Runtime,
  type RuntimeOptions,
  silentLogger,
  type WorkflowClientInterceptor,
} from 'signalbox'
import { Context, log } from 'signalbox/activity'
import { enhancedStackTraceQuery, stackTraceQuery, workflowMetadataQuery } from 'signalbox/workflow'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import {
  defined,
  everything,
  heard,
  keep,
  listener,
  localValues,
  named,
  reporter,
  say,
  strict,
  traced,
  waiter,
  waitsForOthers,
} from '../fixtures/interceptors/workflows.ts'
import { parser } from '../fixtures/interceptors/shared-workflows.ts'
import { numbers, temporaryFolder } from '../fixtures/lab.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/interceptors/${name}`, import.meta.url))
const activities = { shout: (word: string) => Promise.resolve(word.toUpperCase()) }

async function open(options: Partial<RuntimeOptions> = {}, dataDir?: string): Promise<Runtime> {
  const runtime = await Runtime.open({
    dataDir: dataDir ?? (await temporaryFolder()),
    workflowsPath: file('workflows.ts'),
    slots: 1,
    logger: silentLogger,
    activities,
    ...options,
  })
  onTestFinished(() => runtime.close())
  // Whom `everything` signals.
  const { workflow } = runtime.client
  const to = { workflowId: 'listener', workflowIdConflictPolicy: 'USE_EXISTING' as const }
  await workflow.start(listener, to)
  return runtime
}

const workflowModules = [file('first.ts'), file('second.ts')]

describe('interceptors of workflows', () => {
  test('stand around everything, the first one outermost, and their headers travel', async () => {
    const lines: object[] = []
    const messages: (string | undefined)[] = []
    const info = (fields: object, message?: string): void => {
      lines.push(fields)
      messages.push(message)
    }
    const logger = { ...silentLogger, info }
    const { client } = await open({ interceptors: { workflowModules }, logger })
    const handle = await client.workflow.start(everything, { workflowId: 'w', args: [1] })
    await handle.signal(say, 'hello')
    expect(await handle.query(heard)).toContain('hello+a+b')
    const trace = await handle.result()
    expect(trace.filter((line) => !/^(activate|conclude)/.test(line))).toEqual([
      'a>execute [1] -',
      'b>execute [1] -',
      'c>execute',
      'a>signal say -',
      'b>signal say -',
      'b<signal',
      'a>timer 1 #1',
      'a<signal',
      'a<timer',
      'a>activity shout',
      'a>child child',
      'a>send say external',
      'b<execute',
      'a<execute',
    ])
    const sent = await client.workflow.getHandle('listener').query(traced)
    expect(sent).toContain('b>signal say "sent"')
    expect(trace[0]).toBe('activate 1')
    expect(trace).toContain('conclude startTimer')
    expect(lines).toContainEqual(expect.objectContaining({ a: true, workflowId: 'w' }))
    await eventually('its end is told', () => messages.find((message) => message === 'disposed of'))
    const history = await handle.fetchHistory()
    const timer = history.events.find(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED')
    expect(timer?.['timerStartedEventAttributes']).toMatchObject({ startToFireTimeout: '0.002s' })
    const child = client.workflow.list({ query: "WorkflowType = 'child'" })
    for await (const { workflowId, runId } of child) {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory()
      expect(JSON.stringify(events[0])).toContain(Buffer.from('"child"').toString('base64'))
    }
  })

  test('are there in each run, by replay too, and continue-as-new takes headers along', async () => {
    const dataDir = await temporaryFolder()
    const first = await open({ interceptors: { workflowModules } }, dataDir)
    const started = await first.client.workflow.start(everything, { workflowId: 'w' })
    await started.signal(say, 'hello')
    await eventually('the second run', async () => {
      const { events } = await first.client.workflow.getHandle('w').fetchHistory()
      return JSON.stringify(events[0]).includes(Buffer.from('"continued"').toString('base64'))
    })
    await first.close()
    const { client } = await open({ interceptors: { workflowModules } }, dataDir)
    const handle = client.workflow.getHandle('w')
    expect((await handle.query(traced))[0]).toBe('activate 1')
    expect((await handle.query(traced))[1]).toBe('a>execute [1] "continued"')
  })
})

describe('interceptors of updates', () => {
  test('stand around validators, handlers and the calls of clients', async () => {
    const seen: string[] = []
    const { client } = await open({
      interceptors: {
        workflowModules,
        client: [
          {
            startUpdate: async (input, next) => {
              seen.push(`${input.updateName} ${String(input.options.waitForStage)}`)
              return next({ ...input, args: [`${String(input.args[0])}!`] })
            },
          },
        ],
      },
    })
    const handle = client.workflow.getHandle('listener')
    expect(await handle.executeUpdate(keep, { args: ['word'] })).toBe(201)
    expect(await handle.query(heard)).toContain('word!')
    await expect(handle.executeUpdate(keep, { args: ['bad'] })).rejects.toMatchObject({
      cause: { message: 'refused' },
    })
    expect(seen).toEqual(['keep COMPLETED', 'keep COMPLETED'])
    expect((await handle.query(traced)).filter((line) => /validate|update/.test(line))).toEqual([
      'a>validate keep -',
      'b>validate keep -',
      'a>update keep',
      'b>update keep',
      'a>validate keep -',
      'b>validate keep -',
    ])
    const metadata = await handle.query(workflowMetadataQuery)
    expect(metadata.definition.updateDefinitions).toEqual([{ name: 'keep', description: 'Kept.' }])
  })

  test('errors of the classes that the workflow names fail the update alone', async () => {
    const { client } = await open()
    const handle = client.workflow.getHandle('listener')
    await expect(handle.executeUpdate(keep, { args: ['insufficient'] })).rejects.toMatchObject({
      cause: { message: 'funds' },
    })
    expect(await handle.executeUpdate(keep, { args: ['word'] })).toBe(1)
  })
})

describe('interceptors of activities', () => {
  test('stand around the function, with its headers and its context', async () => {
    const seen: string[] = []
    const lines: object[] = []
    const { client } = await open({
      logger: { ...silentLogger, info: (fields: object) => void lines.push(fields) },
      activities: {
        shout: (word: string) => {
          log.info('shouting')
          return Promise.resolve(word.toUpperCase())
        },
      },
      interceptors: {
        workflowModules,
        activity: ['x', 'y'].map((name) => (context: Context) => ({
          inbound: {
            execute: async (input, next) => {
              const { data } = input.headers['mark'] ?? {}
              seen.push(
                `${name} ${context.info.activityType} ${Buffer.from(data ?? []).toString()}`,
              )
              return `${name}${String(await next({ ...input, args: [`${String(input.args[0])}${name}`] }))}`
            },
          },
          outbound: { getLogAttributes: (input, next) => ({ ...next(input), [name]: 1 }) },
        })),
      },
    })
    const handle = await client.workflow.start(everything, { workflowId: 'w', args: [1] })
    await handle.signal(say, 'hello')
    await handle.result()
    expect(seen).toEqual(['x shout "activity"', 'y shout "activity"'])
    expect(lines).toContainEqual(expect.objectContaining({ x: 1, y: 1 }))
    const { events } = await handle.fetchHistory()
    const done = events.find(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED')
    expect(JSON.stringify(done)).toContain(Buffer.from('"xyLOUDXY"').toString('base64'))
  })
})

describe('interceptors of clients', () => {
  test('stand around calls, in order, and may change them', async () => {
    const seen: string[] = []
    const named = (name: string): WorkflowClientInterceptor => ({
      start: async (input, next) => {
        seen.push(`${name} start ${input.workflowType} ${input.options.workflowId}`)
        return next({ ...input, options: { ...input.options, args: [1] } })
      },
      signal: async (input, next) => {
        seen.push(`${name} signal ${input.signalName}`)
        await next({ ...input, args: input.args.map((arg) => `${String(arg)}.${name}`) })
      },
      signalWithStart: async (input, next) => {
        seen.push(`${name} signalWithStart`)
        return next(input)
      },
      query: async (input, next) => [...((await next(input)) as string[]), name],
      describe: async (input, next) => {
        seen.push(`${name} describe`)
        return next(input)
      },
      cancel: async (input, next) => {
        seen.push(`${name} cancel`)
        return next(input)
      },
      terminate: async (input, next) => {
        seen.push(`${name} terminate ${String(input.reason)}`)
        return next({ ...input, reason: `${String(input.reason)} ${name}` })
      },
    })
    const { client } = await open({ interceptors: { client: [named('a'), named('b')] } })
    const handle = await client.workflow.start(everything, { workflowId: 'w' })
    await handle.signal(say, 'hello')
    expect(await handle.query(heard)).toEqual(expect.arrayContaining(['hello.a.b', 'b', 'a']))
    await handle.result()
    const other = await client.workflow.signalWithStart(reporter, {
      workflowId: 'v',
      signal: say,
      signalArgs: ['hi'],
    })
    await other.describe()
    await other.cancel()
    await other.terminate('why')
    await expect(other.result()).rejects.toMatchObject({ cause: { message: 'why a b' } })
    expect(seen.filter((line) => !line.includes('listener'))).toEqual([
      'a start everything w',
      'b start everything w',
      'a signal say',
      'b signal say',
      'a signalWithStart',
      'b signalWithStart',
      'a describe',
      'b describe',
      'a cancel',
      'b cancel',
      'a terminate why',
      'b terminate why a',
    ])
  })

  test('keep the order of calls, whatever time they take and whichever they refuse', async () => {
    let delays: readonly number[] = []
    let next_ = 0
    const { client } = await open({
      interceptors: {
        client: [
          {
            signal: async (input, next) => {
              const delay = delays[next_++ % Math.max(1, delays.length)] ?? 0
              for (let i = 0; i < delay; i++) await new Promise((resolve) => setImmediate(resolve))
              if (String(input.args[0]).startsWith('refuse')) throw new Error('refused')
              await next(input)
            },
          },
        ],
      },
    })
    let runs = 0
    const calls = fc.array(fc.record({ fails: fc.boolean(), delay: fc.nat(9) }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(calls, async (planned) => {
        delays = planned.map(({ delay }) => delay)
        const handle = await client.workflow.start(listener, { workflowId: `o${runs++}` })
        const sent = planned.map(({ fails }, n) =>
          handle.signal(say, fails ? `refuse ${n}` : `${n}`),
        )
        await Promise.allSettled(sent)
        const kept = planned.flatMap(({ fails }, n) => (fails ? [] : [`${n}`]))
        expect((await handle.query(heard)).slice(0, kept.length)).toEqual(kept)
      }),
      { numRuns: 20 },
    )
  })
})

describe('sinks', () => {
  test('are called after the turn with copies; during replay only those that want it', async () => {
    const calls: unknown[][] = []
    const errors: object[] = []
    const record =
      (name: string) =>
      (info: { workflowId: string }, ...args: unknown[]) => {
        calls.push([name, info.workflowId, ...args])
      }
    const options = {
      logger: {
        ...silentLogger,
        error: (fields: object, message: string) => void errors.push({ ...fields, message }),
      },
      sinks: {
        recorder: {
          record: { fn: record('record') },
          always: { fn: record('always'), callDuringReplay: true },
          fails: { fn: () => Promise.reject(new Error('a sink fails')) },
        },
      },
    }
    const dataDir = await temporaryFolder()
    const first = await open(options, dataDir)
    const handle = await first.client.workflow.start(reporter, { workflowId: 'w' })
    for (const word of ['one', 'fail', 'missing']) await handle.signal(say, word)
    await handle.query(heard)
    const value = (word: string) => ({ word, at: new Map([['key', new Date(0)]]) })
    expect(calls).toEqual([
      ['record', 'w', value('one')],
      ['always', 'w', 'one'],
      ['record', 'w', value('fail')],
      ['always', 'w', 'fail'],
      ['record', 'w', value('missing')],
      ['always', 'w', 'missing'],
      ['record', 'w', 'asked'],
    ])
    expect(errors.map((error) => (error as { message: string }).message).sort()).toEqual([
      'External sink function threw an error',
      'Workflow referenced an unregistered external sink',
    ])
    await first.close()
    calls.length = 0
    const { client } = await open(options, dataDir)
    await client.workflow.getHandle('w').query(heard)
    expect(calls).toEqual([
      ['always', 'w', 'one'],
      ['always', 'w', 'fail'],
      ['always', 'w', 'missing'],
      ['record', 'w', 'asked'],
    ])
  })
})

describe('options of workflow types', () => {
  test('errors of the classes that they name fail the workflow, others park it', async () => {
    const { client } = await open({
      workflowFailureErrorTypes: { named: ['Insufficient'] },
    })
    const own = client.workflow.execute(strict, { workflowId: 'o', args: ['own'] })
    await expect(own).rejects.toMatchObject({ cause: { message: 'funds' } })
    const any = client.workflow.execute(defined, { workflowId: 'd' })
    await expect(any).rejects.toMatchObject({ cause: { message: 'any' } })
    const byName = client.workflow.execute(named, { workflowId: 'n' })
    await expect(byName).rejects.toMatchObject({ cause: { message: 'by name' } })
    const handle = await client.workflow.start(strict, { workflowId: 'p', args: ['other'] })
    await eventually('a parked run', async () =>
      (await handle.describe()).parked?.reason.includes('other'),
    )
  })
})

describe('queries that every workflow answers', () => {
  test('tell where it waits, by lines of its file, and change nothing', async () => {
    const { client } = await open()
    const handle = await client.workflow.start(waiter, { workflowId: 'w' })
    for (const n of numbers(3)) await handle.signal(say, `${n}`)
    const text = await handle.query(stackTraceQuery)
    const stacks = text.split('\n\n')
    expect(stacks).toHaveLength(5)
    expect(stacks[0]).toMatch(/waitsForTimer .*interceptors\/workflows\.ts:\d+:\d+/)
    expect(text).not.toContain('signalbox:api')
    const { sdk, stacks: located } = await handle.query(enhancedStackTraceQuery)
    expect(sdk).toEqual({ name: 'signalbox', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
    expect(located).toHaveLength(5)
    expect(located[0]?.locations[0]).toMatchObject({
      function_name: 'waitsForTimer',
      file_path: file('workflows.ts'),
      internal_code: false,
    })
    await handle.signal(say, 'more')
    const metadata = await handle.query(workflowMetadataQuery)
    expect(metadata.currentDetails).toBe('0;1;2;more;')
    expect(metadata.definition).toMatchObject({
      type: 'waiter',
      signalDefinitions: [{ name: 'say', description: 'Said.' }],
    })
    expect(metadata.definition.queryDefinitions).toContainEqual({
      name: 'heard',
      description: 'What was heard.',
    })
  })
})

test('stack traces tell of children and triggers until they are over', async () => {
  const { client } = await open()
  const handle = await client.workflow.start(waitsForOthers, { workflowId: 'w' })
  await eventually(
    'both children',
    async () => (await handle.describe()).pendingChildren.length === 2,
  )
  const waits = async (): Promise<readonly unknown[]> => {
    const text = await handle.query(stackTraceQuery)
    return text.split('\n\n').map((stack) => /waits\w+/.exec(stack)?.[0])
  }
  // Where the trigger was made, and where each child is waited for.
  expect(await waits()).toEqual(['waitsForOthers', 'waitsForChild', 'waitsForResult'])
  await handle.signal(say, 'on')
  await client.workflow.getHandle('executed').terminate()
  await eventually('one wait', async () => (await waits()).length === 1)
  expect(await waits()).toEqual(['waitsForResult'])
  await client.workflow.getHandle('started').terminate()
  await eventually('its own', async () => (await waits()).join() === 'waitsForOthers')
})

test('AsyncLocalStorage keeps each flow its own value', async () => {
  const { client } = await open()
  const got = await client.workflow.execute(localValues, { workflowId: 'w' })
  expect(got).toEqual(['a', 'a!', null, 'b', 'b!', null, null])
})

test('shared modules are evaluated once for all runs, and no run can change them', async () => {
  const warned: string[] = []
  const runtime = await Runtime.open({
    dataDir: await temporaryFolder(),
    workflowsPath: file('shared-workflows.ts'),
    sharedModules: ['typebox', 'typebox/value'],
    slots: 1,
    logger: {
      ...silentLogger,
      warn: (_fields: object, message: string) => void warned.push(message),
    },
  })
  onTestFinished(() => runtime.close())
  const run = (workflowId: string, input: unknown) =>
    runtime.client.workflow.execute(parser, { workflowId, args: [input] })
  expect(await run('a', { id: 1, name: 'one' })).toEqual({ valid: true, frozen: true })
  expect(await run('b', { id: 'x' })).toEqual({ valid: false, frozen: true })
  expect(warned.filter((message) => message.includes('top level'))).toEqual([])
})

test('code that takes long to evaluate is told of at open', async () => {
  const warned: string[] = []
  const runtime = await Runtime.open({
    dataDir: await temporaryFolder(),
    workflowsPath: file('slow-workflows.ts'),
    slots: 1,
    logger: {
      ...silentLogger,
      warn: (_fields: object, message: string) => void warned.push(message),
    },
  })
  onTestFinished(() => runtime.close())
  expect(warned).toEqual([expect.stringContaining('sharedModules')])
})
