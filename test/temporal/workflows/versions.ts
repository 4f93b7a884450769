import {
  condition,
  deprecatePatch,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { add, say, stop } from './signals.ts'

const { echo } = proxyActivities<{ echo(value: unknown): Promise<unknown> }>({
  startToCloseTimeout: '1 minute',
})

/** Asks for patches before and after waits, twice for the same one, in a handler, and deprecates one. */
export async function patches(): Promise<unknown> {
  const log: unknown[] = [patched('first')]
  setHandler(say, (word) => {
    if (patched('in a handler')) log.push(['patched', word])
    else log.push(word)
  })
  if (patched('with a timer')) await sleep(5)
  log.push(await echo(1), patched('first'))
  deprecatePatch('old')
  deprecatePatch('old')
  let stopped = false
  setHandler(stop, () => {
    stopped = true
  })
  await condition(() => stopped)
  if (patched('at the end')) log.push(await echo('last'))
  return log
}

const stage = defineSearchAttributeKey('Stage', SearchAttributeType.KEYWORD)
const count = defineSearchAttributeKey('Count', SearchAttributeType.INT)

/** Changes what it is found by, and what is noted of it. */
export async function upserts(): Promise<unknown> {
  const seen: unknown[] = []
  const look = (): void => {
    const { memo, typedSearchAttributes } = workflowInfo()
    seen.push([memo, typedSearchAttributes.get(stage), typedSearchAttributes.get(count)])
  }
  look()
  upsertSearchAttributes([
    { key: stage, value: 'begun' },
    { key: count, value: 1 },
  ])
  upsertMemo({ note: 'begun', more: { n: 1 } })
  look()
  setHandler(add, (n) => {
    upsertSearchAttributes([{ key: count, value: n }])
    look()
  })
  let stopped = false
  setHandler(stop, () => {
    stopped = true
  })
  await condition(() => stopped)
  upsertSearchAttributes([{ key: count, value: null }])
  upsertMemo({ note: null, last: true })
  look()
  return seen
}
