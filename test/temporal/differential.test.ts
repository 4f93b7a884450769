import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputKind } from '../../actors/inputs.ts'
import { bundleWorkflowCode } from '../../runtime/bundle.ts'
import { signal, Theatre } from '../actors/sandbox/harness.ts'
import { type Case, cases, type Event } from './fixtures/programs.ts'
import { type Compared, perform } from './oracle/differential.ts'
import { SdkSandbox } from './oracle/sdk-sandbox.ts'
import type { Step } from './workflows/interpreter.ts'

const workflowsPath = fileURLToPath(new URL('./workflows/interpreter.ts', import.meta.url))
/**
 * Half a minute, of the same programs each time. Others: `DIFFERENTIAL_SEED` takes a seed that failed,
 * or `random`.
 */
const numRuns = Math.max(1500, Number(process.env['DIFFERENTIAL_RUNS'] ?? 0))
const seed = process.env['DIFFERENTIAL_SEED'] ?? '1'
let theatre: Theatre
let sdk: SdkSandbox

beforeAll(async () => {
  theatre = new Theatre(await bundleWorkflowCode({ workflowsPath }), {
    activityTypes: ['work'],
  })
  sdk = await SdkSandbox.load(workflowsPath)
})

afterAll(() => sdk.close())

/**
 * Guarantee: whatever a workflow does and whatever happens to it, in whatever order and company, every
 * turn asks for the same as in the SDK's sandbox, in the same order, and its code sees the same.
 */
test('a turn of any program is that of the SDK', { timeout: 300_000 + numRuns * 400 }, async () => {
  let turns = 0
  const commands = new Set<string>()
  /** Attempts of local activities that the workflow begins itself, after a backoff. */
  let retries = 0
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const compared = await perform(one, theatre, sdk)
      expect(compared.ours).toEqual(compared.sdk)
      turns += compared.sdk.length
      for (const outcome of compared.sdk) {
        for (const { kind, attempt } of outcome.commands) {
          commands.add(kind)
          if (kind === 'scheduleLocal' && attempt !== 1) retries++
        }
      }
    }),
    { numRuns, ...(seed === 'random' ? {} : { seed: Number(seed) }) },
  )
  // Programs that end at once or do nothing would prove nothing.
  expect(turns).toBeGreaterThan(numRuns * 5)
  expect(retries).toBeGreaterThan(numRuns / 100)
  expect([...commands].toSorted()).toEqual([
    'acceptUpdate',
    'cancelActivity',
    'cancelExternal',
    'cancelLocal',
    'cancelTimer',
    'cancelled',
    'complete',
    'completeUpdate',
    'continueAsNew',
    'fail',
    'modifyProperties',
    'patched',
    'scheduleActivity',
    'scheduleLocal',
    'signalExternal',
    'startChild',
    'startTimer',
  ])
})

const activity: Step = { op: 'activity', cancellation: 'WAIT_CANCELLATION_COMPLETED' }
const said = (name: string, n: number): Event => ({ kind: 'signal', name, n })

describe('of what was found', () => {
  test('an update without a handler is rejected before what the turn cancels is resolved', async () => {
    const tried: Step = { op: 'activity', cancellation: 'TRY_CANCEL' }
    const compared = await perform(
      {
        program: {
          main: [
            { op: 'attempt', body: [tried] },
            { op: 'handlers', slow: false },
          ],
          handlers: [[]],
          waitsForHandlers: false,
        },
        turns: [
          [said('add', 1)],
          [{ kind: 'update', name: 'lateUpdate', n: 1 }, { kind: 'cancel' }],
        ],
      },
      theatre,
      sdk,
    )
    expect(compared.sdk[1]?.commands.map(({ kind }) => kind)).toEqual([
      'cancelActivity',
      'completeUpdate',
      'complete',
    ])
    expect(compared.ours).toEqual(compared.sdk)
  })
})

/** Cut off from outside while code of theirs still runs; `after` it goes on. */
const over = (after: readonly Step[]): Step => ({
  op: 'scope',
  kind: 'cancellable',
  body: [{ op: 'spawn', body: [{ op: 'trigger', n: 1 }, ...after] }],
})
const steps = (times: number): Step[] =>
  Array.from({ length: times }, () => ({ op: 'yield', times: 1 }))

describe('scopes that are over, and code of theirs that is not', () => {
  const run = (main: readonly Step[], turns: Case['turns']): Promise<Compared> =>
    perform({ program: { main, handlers: [[]], waitsForHandlers: false }, turns }, theatre, sdk)
  const open: Step = { op: 'condition', more: 9 }
  const sleep: Step = { op: 'sleep', ms: 5 }

  test.each([1, 2, 3])('cancelled %i scopes above, what they begin is at once', async (depth) => {
    let inner = over([sleep])
    for (let up = 0; up < depth; up++) inner = { op: 'scope', kind: 'cancellable', body: [inner] }
    const beside: Step = { op: 'spawn', body: [{ op: 'trigger', n: 1 }, ...steps(6)] }
    const outer: Step = { op: 'scope', kind: 'cancellable', body: [inner, open] }
    const { ours, sdk: theirs } = await run(
      [{ op: 'spawn', body: [outer] }, beside, open],
      [[], [said('cut', 0)], [said('fire', 1)]],
    )
    expect(JSON.stringify(theirs.at(-1)?.trace)).toContain('sleep (cancelled)')
    expect(ours).toEqual(theirs)
  })

  test.each([1, 2, 3])('the cancellation comes down %i scopes a step each', async (depth) => {
    // The code that cancels them all goes on inside, and looks with every step.
    let inner = over([{ op: 'cut', n: 0 }, ...steps(5), sleep])
    for (let up = 1; up < depth; up++) inner = { op: 'scope', kind: 'cancellable', body: [inner] }
    const { ours, sdk: theirs } = await run(
      [{ op: 'scope', kind: 'cancellable', body: [inner, open] }],
      [[], [said('fire', 1)]],
    )
    expect(JSON.stringify(theirs.at(-1)?.trace)).toContain('yield (cancelled)')
    expect(ours).toEqual(theirs)
  })

  test.each([1, 2, 3])('%i that let go together are cancelled a step each', async (depth) => {
    const body: Step[] = [sleep, { op: 'trigger', n: 1 }, { op: 'cut', n: 0 }, ...steps(5), sleep]
    let inner: Step = { op: 'spawn', body }
    for (let up = 0; up < depth; up++) inner = { op: 'scope', kind: 'cancellable', body: [inner] }
    const { ours, sdk: theirs } = await run(
      [inner, open],
      [[], [{ kind: 'timer', pick: 0 }], [said('fire', 1)]],
    )
    expect(JSON.stringify(theirs.at(-1)?.trace)).toContain('sleep (cancelled)')
    expect(ours).toEqual(theirs)
  })

  test('that are begun while a cancellation comes down are told, too', async () => {
    const scope = (...body: Step[]): Step => ({ op: 'scope', kind: 'cancellable', body })
    const spawn = (...body: Step[]): Step => ({ op: 'spawn', body })
    const handler = [scope(scope({ op: 'cut', n: 0 }), scope(spawn(spawn(sleep))))]
    const { ours, sdk: theirs } = await perform(
      {
        program: {
          main: [{ op: 'trigger', n: 0 }],
          handlers: [[...handler, { op: 'condition', more: 0 }]],
          waitsForHandlers: false,
        },
        turns: [
          [said('add', 1)],
          [{ kind: 'cancel' }, { kind: 'update', name: 'apply', n: 0 }, said('run', 0)],
        ],
      },
      theatre,
      sdk,
    )
    expect(JSON.stringify(theirs.at(-1)?.trace).match(/sleep|0.0.0: threw/g)).toHaveLength(4)
    expect(ours).toEqual(theirs)
  })

  test('keep their place among what is cancelled together', async () => {
    const { ours, sdk: theirs } = await run(
      [
        over([sleep]),
        { op: 'spawn', body: [sleep] },
        { op: 'scope', kind: 'cancellable', body: [sleep] },
      ],
      [[], [said('fire', 1)], [{ kind: 'cancel' }]],
    )
    const cancelled = theirs.at(-1)?.commands.filter(({ kind }) => kind === 'cancelTimer')
    expect(cancelled?.map(({ id }) => id)).toEqual(['1', '3', '2'])
    expect(ours).toEqual(theirs)
  })

  test('who listens for a cancellation hears of it in turn', async () => {
    const listen: Step = { op: 'listen' }
    const { ours, sdk: theirs } = await run(
      [
        listen,
        { op: 'spawn', body: [sleep] },
        listen,
        listen,
        { op: 'spawn', body: [sleep] },
        open,
      ],
      [[], [{ kind: 'cancel' }]],
    )
    expect(theirs.at(-1)?.commands.map(({ kind }) => kind)).toEqual([
      'modifyProperties',
      'cancelTimer',
      'modifyProperties',
      'modifyProperties',
      'cancelTimer',
      'cancelled',
    ])
    expect(ours).toEqual(theirs)
  })
})

describe('the comparison finds', () => {
  const one: Case = {
    program: {
      main: [{ op: 'condition', more: 9 }],
      handlers: [[activity], [{ op: 'sleep', ms: 5 }]],
      waitsForHandlers: true,
    },
    turns: [[said('add', 1)], [said('run', 0), said('run', 1)], [{ kind: 'timer', pick: 0 }]],
  }

  test('nothing where nothing was changed', async () => {
    const compared = await perform(one, theatre, sdk)
    expect(compared.sdk).toHaveLength(3)
    expect(compared.ours).toEqual(compared.sdk)
  })

  test('signals in another order', async () => {
    const compared = await perform(one, theatre, sdk, (inputs) => inputs.toReversed())
    expectFirstDifference(compared, 1)
    const kinds = ({ commands }: Compared['ours'][number]) => commands.map(({ kind }) => kind)
    expect(compared.sdk.map(kinds)[1]).toEqual(['scheduleActivity', 'startTimer'])
    expect(compared.ours.map(kinds)[1]).toEqual(['startTimer', 'scheduleActivity'])
  })

  test('a signal that got lost', async () => {
    const compared = await perform(one, theatre, sdk, (inputs) =>
      inputs.length > 1 ? inputs.slice(1) : inputs,
    )
    expectFirstDifference(compared, 1)
  })

  test('a signal that came twice', async () => {
    const compared = await perform(one, theatre, sdk, (inputs) =>
      inputs.length > 1 ? inputs : [...inputs, ...inputs],
    )
    expectFirstDifference(compared, 0)
  })

  test('a timer that did not fire', async () => {
    const compared = await perform(one, theatre, sdk, (inputs) =>
      inputs.map((input) => (input[0] === InputKind.timerFired ? signal('add', 0) : input)),
    )
    expectFirstDifference(compared, 2)
  })

  test('another argument, where commands stay the same', async () => {
    const compared = await perform(one, theatre, sdk, (inputs) =>
      inputs.map((input) => (input[2] === 'add' ? signal('add', 2) : input)),
    )
    expectFirstDifference(compared, 0)
    expect(compared.ours[0]?.commands).toEqual(compared.sdk[0]?.commands)
  })

  test('order that only some programs show', async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(cases, async (any) => {
        const compared = await perform(any, theatre, sdk, (inputs) => inputs.toReversed())
        if (JSON.stringify(compared.ours) !== JSON.stringify(compared.sdk)) found++
      }),
      { numRuns: 30 },
    )
    expect(found).toBeGreaterThan(15)
  })
})

function expectFirstDifference({ ours, sdk }: Compared, turn: number): void {
  expect(ours.slice(0, turn)).toEqual(sdk.slice(0, turn))
  expect(ours[turn]).toBeDefined()
  expect(ours[turn]).not.toEqual(sdk[turn])
  expect(ours).toHaveLength(turn + 1)
}
