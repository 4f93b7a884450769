import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  uuid4,
} from 'signalbox/workflow'

/** How a later deployment differs from the one that was recorded. */
export type Change =
  | 'none'
  | 'other activity'
  | 'no activity'
  | 'activity more'
  | 'swapped'
  | 'timer instead'
  | 'no end'
  | 'fails'
  | 'throws'
  | 'floats'
  | 'earlier end'
  | 'other child'
  | 'no cancel'
  | 'patched'
  | 'no patch'
  | 'other patch'
  | 'no upsert'

export const go = defineSignal<[string]>('go')

const { pack, ship, fail } = proxyActivities<{
  pack(item: string): Promise<string>
  ship(item: string): Promise<string>
  fail(): Promise<string>
}>({ startToCloseTimeout: '1 minute', retry: { maximumAttempts: 1 } })

/** Signals, timers, activities that fail and are cancelled, children, random numbers, an end. */
export async function journey(items: number, change: Change = 'none'): Promise<string[]> {
  const lines: string[] = []
  const waiting: string[] = []
  setHandler(go, (item) => void waiting.push(item))
  while (lines.length < items) {
    await condition(() => waiting.length > 0)
    const item = waiting.shift() ?? ''
    if (change === 'earlier end') return lines
    if (change === 'throws') throw new RangeError('no failure of a workflow')
    if (change === 'floats') void Promise.reject(new RangeError('left floating'))
    if (change === 'activity more') await pack(item)
    const steps = change === 'swapped' ? [ship, pack] : [pack, ship]
    const packed = steps[0]?.(item)
    lines.push(`${(await packed) ?? ''} ${uuid4().length} ${Math.random() < 2}`)
    if (change === 'timer instead') await sleep(1)
    if (change === 'no activity') continue
    if (change === 'other activity') await fail()
    else await steps[1]?.(item)
  }
  await sleep('1 hour')
  lines.push(await failing())
  lines.push(await cancelled(change))
  lines.push(...(await family(change)))
  if (change === 'no end') await condition(() => false)
  if (change === 'fails') throw ApplicationFailure.create({ message: 'no' })
  return lines
}

async function failing(): Promise<string> {
  try {
    return await fail()
  } catch (error) {
    return (error as Error).cause === undefined ? 'odd' : `failed ${String((error as Error).cause)}`
  }
}

async function cancelled(change: Change): Promise<string> {
  const scope = new CancellationScope()
  const sleeping = scope.run(() => sleep('1 day'))
  await sleep('1 minute')
  if (change !== 'no cancel') scope.cancel()
  try {
    await sleeping
    return 'slept'
  } catch (error) {
    return isCancellation(error) ? 'cancelled' : 'odd'
  }
}

async function family(change: Change): Promise<string[]> {
  const type = change === 'other child' ? 'journey' : 'child'
  const first = await startChild<typeof child>(type, { args: ['first'], workflowId: 'the-child' })
  await first.signal(go, 'on')
  const result = await first.result()
  const abandoned = await executeChild<typeof child>('child', { args: ['fail'] }).catch(
    (error: unknown) => (error as Error).message,
  )
  const patient = await startChild<typeof child>('child', {
    args: ['patient'],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  })
  await getExternalWorkflowHandle(patient.workflowId).cancel()
  const missing = await getExternalWorkflowHandle('nobody')
    .signal(go, 'x')
    .catch((error: unknown) => (error as Error).name)
  return [result, abandoned, String(missing)]
}

export async function child(what: string): Promise<string> {
  if (what === 'fail') throw ApplicationFailure.create({ message: 'as told' })
  let went = what
  setHandler(go, (item) => {
    went = item
  })
  await condition(() => went !== what)
  return `${what} ${went}`
}

export async function again(rounds: number, change: Change = 'none'): Promise<number> {
  await sleep('1 day')
  if (rounds > 0 && change !== 'no end') await continueAsNew<typeof again>(rounds - 1)
  return rounds
}

export const rename = defineUpdate<string, [string]>('rename')

const local = proxyLocalActivities<{
  pack(item: string): Promise<string>
  fail(): Promise<string>
}>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
})

/** Local activities: one alone, two at once, one that fails, one more after a timer. */
export async function errands(change: Change = 'none'): Promise<string[]> {
  const lines = [await local.pack('a')]
  lines.push(...(await Promise.all([local.pack('b'), local.pack('c')])))
  lines.push(await local.fail().catch((error: unknown) => String((error as Error).cause)))
  await sleep('1 hour')
  if (change === 'other activity') lines.push(await pack('d'))
  else if (change !== 'no activity') lines.push(await local.pack('d'))
  await sleep('1 minute')
  return lines
}

/** Patches, search attributes, memo and updates. */
export async function changes(change: Change = 'none'): Promise<string> {
  let name = ''
  setHandler(rename, async (to) => {
    name = to
    await sleep('1 minute')
    return `renamed ${to}`
  })
  const patch = change === 'other patch' ? 'second' : 'first'
  if (change === 'no patch' || patched(patch)) await sleep('1 day')
  else await pack('old way')
  if (change !== 'no upsert') upsertMemo({ note: 'on its way' })
  await condition(() => name !== '' && allHandlersFinished())
  // What is new in this deployment is not done by runs that have passed it.
  if (change === 'patched' && patched('new here')) await ship('new way')
  await sleep('1 hour')
  return name
}
