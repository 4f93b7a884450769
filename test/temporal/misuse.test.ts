import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { fromPayload } from '../../actors/payload-converter.ts'
import { bundleWorkflowCode } from '../../runtime/bundle.ts'
import { startTime, Theatre } from '../actors/sandbox/harness.ts'
import { SdkSandbox } from './oracle/sdk-sandbox.ts'

const workflowsPath = fileURLToPath(new URL('./workflows/misuse.ts', import.meta.url))
type Outcomes = Readonly<Record<string, unknown>>

let ours: Outcomes
let theirs: Outcomes

beforeAll(async () => {
  const theatre = new Theatre(await bundleWorkflowCode({ workflowsPath }), {
    activityTypes: ['work'],
  })
  const run = theatre.run('misuse')
  const { commands, error } = run.begin()
  expect(error).toBeUndefined()
  const last = commands.at(-1)
  if (last?.kind !== 'completeWorkflow') throw new Error(`It ended by ${last?.kind}`)
  ours = fromPayload(last.result) as Outcomes
  theirs = await inSdk()
})

async function inSdk(): Promise<Outcomes> {
  const sdk = await SdkSandbox.load(workflowsPath)
  const run = await sdk.start('run', 'misuse', startTime)
  const job = { workflowType: 'misuse', workflowId: 'workflow', randomnessSeed: 1, attempt: 1 }
  const { commands, failure } = await run.activate([{ initializeWorkflow: job }], startTime, 3)
  expect(failure).toBeUndefined()
  const [end] = commands.flatMap((command) => command['completeWorkflowExecution'] ?? [])
  const { result } = end as { result: { data: Uint8Array } }
  await run.dispose()
  await sdk.close()
  return JSON.parse(new TextDecoder().decode(result.data)) as Outcomes
}

/** Where ours says more, or says it in other words: the same class of error all the same. */
const OTHER_WORDS: readonly (readonly [which: RegExp, why: string])[] = [
  [
    /^(?:sleep: (?:empty|undefined|null|object|boolean)|scope: null timeout)$/,
    'the words of another version of `ms`',
  ],
  [/: (?:no function|undefined)$/, 'what V8 says has the names of variables'],
  [/bigint/, 'the reason is said too'],
]
/** What a cluster refuses later, by failing the turn again and again, is refused at once. */
const REFUSED_AT_ONCE = new Map([
  [
    'retry: coefficient',
    ['rejects', ['ValueError', 'RetryPolicy.backoffCoefficient cannot be less than 1']],
  ],
])

test('mistakes fail as they do in the SDK', () => {
  expect(Object.keys(ours)).toEqual(Object.keys(theirs))
  expect(Object.keys(theirs).length).toBeGreaterThan(80)
  for (const [name, outcome] of Object.entries(theirs)) {
    if (JSON.stringify(ours[name]) === JSON.stringify(outcome)) continue
    const refusal = REFUSED_AT_ONCE.get(name)
    if (refusal !== undefined) {
      expect([name, outcome]).toEqual([name, 'nothing yet'])
      expect([name, ours[name]]).toEqual([name, refusal])
    } else if (OTHER_WORDS.some(([which]) => which.test(name))) {
      expect([name, classOf(ours[name])]).toEqual([name, classOf(outcome)])
    } else expect([name, ours[name]]).toEqual([name, outcome])
  }
})

test('a mistake is none that makes nothing of it', () => {
  const fail = Object.values(theirs).filter((outcome) =>
    /^(?:throws|rejects)$/.test(kindOf(outcome)),
  )
  expect(fail.length).toBeGreaterThan(50)
})

function kindOf(outcome: unknown): string {
  return Array.isArray(outcome) ? String(outcome[0]) : String(outcome)
}

/** How it failed, and with an error of which class. */
function classOf(outcome: unknown): unknown {
  const [kind, error] = outcome as [string, unknown]
  return [kind, Array.isArray(error) ? String(error[0]) : error]
}
