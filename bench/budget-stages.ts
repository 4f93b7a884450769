/** What V8 writes with `--cpu-prof`. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  /** When it began, in microseconds of the system's clock. */
  readonly startTime: number
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly thread: 'host' | 'slot' | 'client'
  readonly stage: string
  /** Real time in which it was seen running, or ready to and waiting for a processor. */
  readonly micros: number
}

type Rules = readonly (readonly [stage: string, where: RegExp])[]

const hostRules: Rules = [
  ['HTTP: Fastify and its router', /node_modules\/(fastify|find-my-way|@fastify|avvio|pino)\//],
  ['HTTP: parse, validate, answer', /dist\/api\/|node_modules\/typebox\//],
  [
    'accept: convert, check, find, number',
    /dist\/runtime\/(workflow-handle|client|convert-|workflow-writes|workflow-target|workflow-service|create-service|identifiers|acceptor|payload-size|run-table|run|request-|clock|held-|call-order|attempt)/,
  ],
  ['accept: convert, check, find, number', /dist\/actors\/(payload-|converters)/],
  [
    'write: number, encode, log, LMDB',
    /dist\/runtime\/(committer|journal)|node_modules\/(lmdb|msgpackr|msgpackr-extract|ordered-binary)\/|dist\/actors\/(records|history-length)/,
  ],
  [
    'hand over and take back',
    /dist\/runtime\/(dispatcher|slot-|worker-pool|turn-)|dist\/actors\/frames|node_modules\/piscina\//,
  ],
  ['the load generator', /dist\/bench\//],
  ['other parts of the engine', /dist\/(runtime|actors)\//],
]

const slotRules: Rules = [
  ['turn: sandbox and workflow code', /^signalbox:|dist\/actors\/(sandbox|microtask)/],
  ['turn: actor and mailbox', /dist\/actors\/(actor|slot|mailbox|turn|rejected)/],
  ['receive, decode, report', /dist\/actors\/|node_modules\/(msgpackr|piscina)/],
]

/** Native functions that belong to a stage whatever calls them. */
const natives: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  postMessage: 'messages between the threads',
  runMicrotasks: 'promises and event loop',
  writev: 'sockets',
  writeBuffer: 'sockets',
  writeUtf8String: 'sockets',
  writeLatin1String: 'sockets',
}

/**
 * The time that each stage took on the thread of a profile, without what was idle. Only samples from the
 * time that was measured count: a profile covers the whole life of its thread, loading, warming up and
 * checking included.
 */
export function sharesOf(
  profile: CpuProfile,
  [from, to]: readonly [from: number, to: number],
): readonly Share[] {
  const urls = profile.nodes.map(({ callFrame }) => callFrame.url)
  const thread = urls.some((url) => url.includes('dist/actors/worker'))
    ? 'slot'
    : urls.some((url) => url.includes('dist/runtime/committer'))
      ? 'host'
      : 'client'
  const stages = new Map(
    profile.nodes.map(({ id, callFrame }) => [id, stageOf(callFrame, thread)] as const),
  )
  const sums = new Map<string, number>()
  let at = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    const micros = profile.timeDeltas[index] ?? 0
    at += micros
    const stage = at > from && at <= to ? stages.get(id) : undefined
    if (stage !== undefined) sums.set(stage, (sums.get(stage) ?? 0) + micros)
  }
  return [...sums].map(([stage, micros]) => ({ thread, stage, micros }))
}

/** Undefined for what is left out. */
function stageOf(
  { functionName, url }: CpuProfile['nodes'][number]['callFrame'],
  thread: Share['thread'],
): string | undefined {
  if (functionName === '(idle)') return undefined
  const native = natives[functionName]
  if (native !== undefined && !url.includes('/')) return native
  if (thread === 'client') return 'the load generator'
  const rules = thread === 'slot' ? slotRules : hostRules
  for (const [stage, where] of rules) if (where.test(url)) return stage
  if (/node:(internal\/)?(process\/task_queues|timers|event_target|worker|per_context)/.test(url)) {
    return 'promises and event loop'
  }
  if (/node:(_http|http|net|events|stream|internal\/streams|internal\/stream_base)/.test(url)) {
    return 'HTTP: Node'
  }
  return 'the rest of Node and V8'
}
