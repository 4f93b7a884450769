import { beforeAll, describe, expect, it } from 'vitest'
import type { WorkflowBundle } from '../../../actors/turns.ts'
import { bundleOf, macrotask, startTime, Theatre, type Run } from './harness.ts'

let bundle: WorkflowBundle
let theatre: Theatre
beforeAll(async () => {
  bundle = await bundleOf('realm.ts')
  theatre = new Theatre(bundle)
})

function evaluate(run: Run, code: string): unknown {
  run.signal('evaluate', code)
  if (run.last.error) throw new Error(run.last.error.message)
  return run.query('answer')
}

describe('determinism', () => {
  it('puts random numbers back that a query has drawn, the first ones too', () => {
    const asked = theatre.start('lab')
    const other = theatre.start('lab')
    evaluate(asked, "setHandler(defineQuery('draw'), () => Math.random())")
    const first = asked.query('draw')
    expect(asked.query('draw')).toBe(first)
    for (let n = 0; n < 3; n += 1) {
      asked.query('draw')
      expect(evaluate(asked, 'Math.random()')).toBe(evaluate(other, 'Math.random()'))
    }
    expect(evaluate(theatre.start('lab'), 'Math.random()')).toBe(first)
  })

  it('has the time of the turn', () => {
    const run = theatre.start('lab')
    run.time = startTime + 41
    expect(evaluate(run, 'Date.now()')).toBe(startTime + 42)
    expect(evaluate(run, 'new Date().getTime()')).toBe(startTime + 43)
    expect(evaluate(run, 'Date()')).toBe(
      'Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)',
    )
    expect(evaluate(run, 'new Date.prototype.constructor().getTime()')).toBe(run.time)
    expect(evaluate(run, 'new Intl.DateTimeFormat().format()')).toBe('11/14/2023')
    expect(
      evaluate(run, 'new Intl.DateTimeFormat.prototype.constructor().formatToParts().length'),
    ).toBe(5)
    expect(evaluate(run, 'Date.name + Date.length + (new Date() instanceof Date)')).toBe(
      'Date7true',
    )
  })

  it.each([
    ['new Date(2020, 5, 1, 12).toISOString()', '2020-06-01T12:00:00.000Z'],
    ["new Date('2020-06-01T12:00').toISOString()", '2020-06-01T12:00:00.000Z'],
    ["new Date('2020-06-01').getHours()", 0],
    ["Date.parse('June 1, 2020 12:00')", Date.UTC(2020, 5, 1, 12)],
    ["Date.parse('Mon, 01 Jun 2020 12:00:00 GMT+0200')", Date.UTC(2020, 5, 1, 10)],
    ["Date.parse('2020-06-01T12:00:00+02:00')", Date.UTC(2020, 5, 1, 10)],
    ['new Date(0).getTimezoneOffset()', 0],
    ['new Date(0).getHours()', 0],
    ['new Date(0).toString()', 'Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)'],
    ['new Date(0).toLocaleString()', '1/1/1970, 12:00:00 AM'],
    ['new Date(NaN).toString()', 'Invalid Date'],
    ['Intl.DateTimeFormat().resolvedOptions().timeZone', 'UTC'],
    ['(1234.5).toLocaleString()', '1,234.5'],
    ['new Date(new Date(5)).getTime()', 5],
  ])('has UTC for its zone and English for its language: %s', (code, value) => {
    const zone = process.env['TZ']
    process.env['TZ'] = 'America/New_York'
    try {
      expect(evaluate(theatre.start('lab'), code)).toBe(value)
    } finally {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    }
  })

  it('draws the random numbers of the run, the same each time', () => {
    const draws = (runId: string): unknown => {
      const run = theatre.run('lab')
      run.runId = runId
      run.begin()
      return evaluate(run, '[Math.random(), uuid4(), crypto.randomUUID(), Math.random()]')
    }
    const first = draws('11111111-1111-4111-8111-111111111111')
    expect(draws('11111111-1111-4111-8111-111111111111')).toEqual(first)
    expect(draws('22222222-1111-4111-8111-111111111111')).not.toEqual(first)
    const [number, uuid] = first as [number, string]
    expect(number).toBeGreaterThanOrEqual(0)
    expect(number).toBeLessThan(1)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it.each(['WeakRef', 'FinalizationRegistry', 'setInterval', 'setImmediate', 'fetch'])(
    'refuses %s by name',
    (name) => {
      expect(evaluate(theatre.start('lab'), `new ${name}({})`)).toMatch(
        new RegExp(`^DeterminismViolationError: ${name} cannot be used in workflows`),
      )
    },
  )

  it.each([
    'process',
    'require',
    'Buffer',
    'SharedArrayBuffer',
    'Atomics',
    'WebAssembly',
    'performance',
  ])('has no %s', (name) => {
    expect(evaluate(theatre.start('lab'), `typeof ${name}`)).toBe('undefined')
  })

  it('has nothing of the host’s realm behind any constructor', () => {
    const run = theatre.start('lab')
    const reach = (path: string): unknown =>
      evaluate(run, `${path}.constructor.constructor('return typeof process')()`)
    for (const path of [
      'globalThis',
      'setTimeout',
      'sleep',
      'log.info',
      'workflowInfo()',
      'console',
    ])
      expect(reach(path), path).toBe('undefined')
  })
})

describe('what runs share', () => {
  it('is neither module state nor globalThis', () => {
    const [one, other] = [theatre.start('lab'), theatre.start('lab')]
    expect(evaluate(one, 'bump() + bump()')).toBe(3)
    expect(evaluate(other, 'bump()')).toBe(1)
    evaluate(one, 'globalThis.shared = 1')
    evaluate(one, 'globalThis.Date = 5')
    expect(evaluate(one, 'globalThis.shared + globalThis.Date')).toBe(6)
    expect(evaluate(one, 'globalThis.globalThis === globalThis')).toBe(true)
    expect(evaluate(other, 'typeof globalThis.shared + typeof globalThis.Date')).toBe(
      'undefinedfunction',
    )
  })

  it.each([
    'Array.prototype.push = 1',
    'Object.prototype.polluted = 1',
    'Object.prototype.toString = 1',
    'Error.prototype.name = 1',
    'Promise.prototype.then = 1',
    'Math.random = 1',
    'Math.PI = 1',
    'Date.now = 1',
    'console.log = 1',
    'ApplicationFailure.prototype.extra = 1',
    'ApplicationFailure.create = 1',
    'Object.getPrototypeOf(async function () {}).x = 1',
    'Object.getPrototypeOf([][Symbol.iterator]()).next = 1',
    'URL.prototype.x = 1',
    'delete Array.prototype.map',
    'Object.setPrototypeOf(Array.prototype, null)',
  ])('is frozen: %s', (code) => {
    expect(evaluate(theatre.start('lab'), code)).toMatch(/^TypeError/)
  })

  it('does not tell one run what another did', () => {
    const [one, other] = [theatre.start('lab'), theatre.start('lab')]
    evaluate(one, "(/(secret)/.test('a secret'), Error.stackTraceLimit = 1)")
    expect(
      evaluate(other, "[typeof RegExp.$1, typeof RegExp['$&'], Error.stackTraceLimit]"),
    ).toEqual(['undefined', 'undefined', 10])
  })

  it('can be overridden in objects that inherit it', () => {
    expect(theatre.start('overrides').result).toEqual([
      'OldError old x true name',
      'custom text',
      'legacy',
      'mine',
      1,
      2,
      3,
      4,
      5,
      ['toString', 'constructor', 'hasOwnProperty'],
    ])
  })

  it('gives each value from outside the classes of the context', () => {
    const run = theatre.start('realms', 'text', { deep: [1] }, new Uint8Array([1]))
    expect(run.result).toEqual(['string', true, true, true, true, true, true, true])
  })
})

describe('globals', () => {
  it.each([
    [
      "new URL('../b?x=1#h', 'https://u:p@example.com:8080/a/c').href",
      'https://u:p@example.com:8080/b?x=1#h',
    ],
    [
      "(u => { u.searchParams.append('q', 'ä b'); u.port = '99'; return u.href })(new URL('http://h/p?a=1'))",
      'http://h:99/p?a=1&q=%C3%A4+b',
    ],
    [
      "(u => { u.search = '?z=2'; return [...u.searchParams].join() })(new URL('http://h/p?a=1'))",
      'z,2',
    ],
    ["new URL('nonsense')", 'TypeError: Invalid URL'],
    ["URL.canParse('http://x') && !URL.canParse('x')", true],
    ["new URLSearchParams({ a: '1', b: '2 3' }).toString()", 'a=1&b=2+3'],
    ["new URLSearchParams('?a=1&a=2').getAll('a').join()", '1,2'],
    ["[...new TextEncoder().encode('aß€😀')].join()", '97,195,159,226,130,172,240,159,152,128'],
    ["new TextDecoder().decode(new TextEncoder().encode('\\ufeffaß€😀'))", 'aß€😀'],
    ['new TextDecoder().decode(new Uint8Array([0x61, 0xff, 0xe2, 0x82]))', 'a\ufffd\ufffd'],
    [
      "new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))",
      'TypeError: The encoded data was not valid for encoding utf-8',
    ],
    [
      '(d => d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])))(new TextDecoder())',
      '€',
    ],
    ['structuredClone(new Map([[1, { a: new Date(5) }]])).get(1).a.getTime()', 5],
    [
      '(x => { x.self = x; const y = structuredClone(x); return y !== x && y.self === y })({})',
      true,
    ],
    ["structuredClone(new RangeError('r')) instanceof RangeError", true],
    ['structuredClone(() => {})', 'DataCloneError: () => {} could not be cloned.'],
    [
      "(c => { let n = 0; c.signal.addEventListener('abort', () => n++); c.abort('why'); c.abort(); return c.signal.aborted + c.signal.reason + n })(new AbortController())",
      'truewhy1',
    ],
    ['AbortSignal.abort().throwIfAborted()', 'AbortError: This operation was aborted'],
    ['AbortSignal.any([new AbortController().signal, AbortSignal.abort(1)]).reason', 1],
    ['typeof queueMicrotask', 'function'],
    ['crypto.getRandomValues(new Uint8Array(4)).length', 4],
  ])('work: %s', (code, value) => {
    expect(evaluate(theatre.start('lab'), code)).toEqual(value)
  })

  it('log as the workflow, and not while a turn is done again', () => {
    const quiet = new Theatre(bundle)
    const run = quiet.start('logs')
    expect(quiet.lines.map(({ level, message }) => [level, message])).toEqual([
      ['INFO', 'hello'],
      ['WARN', 'cart has 3 {"a":1}'],
      ['DEBUG', 'circular'],
    ])
    expect(JSON.parse(quiet.lines[0]?.attributesJson ?? '')).toMatchObject({
      workflowId: 'workflow-1',
      workflowType: 'logs',
      order: 7,
      error: { message: 'inner' },
    })
    run.replaying = true
    run.fire(1)
    expect(run.asked).toEqual(['completeWorkflow'])
    expect(quiet.lines).toHaveLength(3)
  })
})

describe('queries', () => {
  it('answer from the state and change nothing', () => {
    const run = theatre.start('queries')
    const looked = run.query('looked')
    expect(run.query('count')).toBe(0)
    expect(run.query('sum', 2, 3)).toBe(5)
    expect(run.ask('bytes')).toEqual({ result: new Uint8Array([1, 2]) })
    expect(run.ask('nothing')).toEqual({ result: null })
    expect(run.query('looked')).toBe(looked)
    const drawn = run.query('draws')
    expect(run.query('draws')).toBe(drawn)
    run.signal('evaluate', '')
    expect(run.query('count')).toBe(drawn)
  })

  it.each([
    ['throws', 'out of range', { type: 'RangeError', nonRetryable: false }],
    ['fails', 'no', { type: 'Refused', nonRetryable: true, details: ['{"why":1}'] }],
    [
      'promise',
      'Query handlers should not return a Promise',
      { type: 'DeterminismViolationError', nonRetryable: false },
    ],
    ['unserialisable', 'Unable to convert () => {', { type: 'ValueError', nonRetryable: false }],
    ['unserialisable', '(it is the answer to query unserialisable)', { type: 'ValueError' }],
  ])('that fail say why: %s', (name, message, applicationFailureInfo) => {
    const outcome = theatre.start('queries').ask(name)
    expect(outcome).toMatchObject({
      failure: { message: expect.stringContaining(message), applicationFailureInfo },
    })
    expect(outcome.dirty).toBeUndefined()
  })

  it.each(['commands', 'commandsLater', 'waits', 'sets', 'cancels'])(
    'must not change the workflow: %s',
    async (name) => {
      const own = new Theatre(bundle)
      const run = own.start('queries')
      const outcome = run.ask(name)
      expect(outcome).toMatchObject({ dirty: true, failure: expect.anything() })
      await macrotask()
      expect(own.sandbox.takeFloatingRejections()).toEqual([])
    },
  )

  it('may leave a promise floating without harm to the run', async () => {
    const own = new Theatre(bundle)
    expect(own.start('queries').query('floats')).toBe('answered')
    await macrotask()
    expect(own.sandbox.takeFloatingRejections()).toEqual([])
  })

  it('that are not registered list those that are', () => {
    expect(theatre.start('lab').ask('unknown')).toMatchObject({
      notRegistered: true,
      failure: {
        message: 'Workflow did not register a handler for unknown. Registered queries: [answer]',
      },
    })
  })

  it('have a default handler', () => {
    const run = theatre.start('queriedByDefault')
    expect(run.query('answer')).toBe('specific')
    expect(run.query('other', 1, 'x')).toEqual(['other', 1, 'x'])
    expect(run.ask('__temporal_other')).toMatchObject({ notRegistered: true })
    // None but of a run that was built to note them.
    expect(run.query('__stack_trace')).toEqual([])
  })
})

describe('errors', () => {
  it('of promises that are left floating are told with their run', async () => {
    const own = new Theatre(bundle)
    const runs = [own.start('floating'), own.start('floating'), own.start('floating')]
    for (const run of runs.slice(1)) expect(run.signal('evaluate', '').error).toBeUndefined()
    own.start('floating', 'handled later')
    const micro = own.start('floating', 'microtask')
    await macrotask()
    const floating = own.sandbox.takeFloatingRejections()
    expect(floating.map(([run, { name, message }]) => [run, `${name}: ${message}`])).toEqual([
      [2, 'TypeError: left floating by workflow-2'],
      [3, 'TypeError: left floating by workflow-3'],
      [micro.number, 'TypeError: thrown in a microtask'],
    ])
    expect(floating[0]?.[1].stack).toContain('signalbox:workflows')
    expect(own.sandbox.takeFloatingRejections()).toEqual([])
  })

  it('do not leave microtasks to the next run', () => {
    const own = new Theatre(bundle)
    const bystander = own.start('throwsEarly')
    const failed = own.run('throwsAtOnce')
    expect(failed.begin().error).toMatchObject({ message: 'not even a promise' })
    expect(bystander.signal('evaluate', '').commands).toEqual([
      { kind: 'startTimer', seq: 1, delayMs: 99 },
    ])
  })

  it('of a workflow that is unknown fail the turn and nothing else', () => {
    const own = new Theatre(bundle)
    expect(own.run('nowhere').begin().error?.message).toMatch(
      /^Failed to initialize workflow of type 'nowhere': no such function is exported by the workflow bundle; it has .*\blab\b/,
    )
    expect(own.start('lab').last.error).toBeUndefined()
  })

  it('of the stack’s depth fail the turn and nothing else', () => {
    const own = new Theatre(bundle)
    expect(own.run('overflow').begin().error).toMatchObject({ name: 'RangeError' })
    expect(evaluate(own.start('lab'), '1 + 1')).toBe(2)
  })

  it('of a run that was disposed are its own', () => {
    const own = new Theatre(bundle)
    const run = own.start('lab')
    const bystander = own.start('lab')
    own.sandbox.dispose(run.number)
    expect(() => run.query('answer')).toThrow(/Run 1 is not in this sandbox/)
    expect(run.signal('evaluate', '1').error?.message).toBe('Run 1 is not in this context')
    expect(evaluate(bystander, '1 + 1')).toBe(2)
  })
})

it('calls onTurn with the run before its code runs', async () => {
  const seen: number[] = []
  const { createSandbox } = await import('../../../actors/sandbox.ts')
  const sandbox = createSandbox({ bundle, log: () => {}, onTurn: (run) => seen.push(run) })
  expect(() => sandbox.query(9, { queryType: 'x', args: [] })).toThrow()
  expect(seen).toEqual([9])
  expect(sandbox.workflowTypes).toContain('lab')
})
