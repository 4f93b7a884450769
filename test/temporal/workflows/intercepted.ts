import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  log,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow'
import { calls } from './calls.ts'

interface Activities {
  echo(value: unknown): Promise<unknown>
}

const { echo } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
})
const local = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' })
const say = defineSignal<[string]>('say')
const keep = defineUpdate<string, [string]>('keep')
const heard = defineQuery<string[]>('heard')

/** Does one of everything that an interceptor can stand around, and tells what they saw. */
export async function intercepted(round: number, before: string[] = []): Promise<unknown> {
  const words: string[] = []
  setHandler(heard, () => words)
  setHandler(say, async (word) => {
    words.push(word)
    await sleep(2)
    words.push(`${word}, later`)
  })
  setHandler(
    keep,
    async (word) => {
      words.push(String(await local.echo(word)))
      return word
    },
    {
      validator: (word) => {
        if (word.startsWith('bad')) throw ApplicationFailure.create({ message: 'refused' })
      },
    },
  )
  log.info('a line', { of: round })
  words.push(String(await echo('from main')), String(await local.echo('nearby')))
  words.push(await executeChild(interceptedChild, { args: ['at once'], memo: { of: 'a child' } }))
  const child = await startChild(interceptedChild, { args: ['waits'] })
  await child.signal(say, 'to the child')
  words.push(await child.result())
  const stranger = getExternalWorkflowHandle(`${workflowInfo().workflowId}/nobody`)
  await stranger.signal(say, 'to a stranger').catch((error: unknown) => {
    words.push(String(error))
  })
  // Refused by an interceptor, which no command follows.
  await sleep(13).catch((error: unknown) => words.push(String(error)))
  await condition(() => words.filter((word) => word.includes('later')).length >= 2)
  if (round > 1) await continueAsNew<typeof intercepted>(round - 1, calls)
  return { words, calls, before }
}

/** A child of it, which its interceptors see too. */
export async function interceptedChild(how: string): Promise<string> {
  const words: string[] = []
  setHandler(say, (word) => void words.push(word))
  if (how === 'waits') await condition(() => words.length > 0)
  return JSON.stringify([how, words, calls])
}
