import { type Attributes, fields, type Fields } from './turn.ts'

const ABANDON_ACTIVITY = 2
/** `cancellationType` of children is another enum, where this is the default that readers leave out. */
const ABANDON_CHILD = undefined

/**
 * Commands of the SDK's sandbox in the words of {@link Fields}: those of one workflow task that its
 * core would send to a server, so without what was begun and cancelled in the same task, and with
 * the command that ends the run last.
 */
export class CommandReader {
  readonly activities = new Map<number, string>()
  readonly children = new Map<number, string>()
  readonly signals = new Map<number, string>()
  readonly cancels = new Map<number, string>()
  /** What cancels one of these the core leaves out. */
  readonly firedTimers = new Set<number>()
  /** Update ids by protocol instance. */
  readonly updates = new Map<string, string>()
  /** Numbers of the external cancellations that are those of children. */
  readonly childCancels = new Set<unknown>()
  readonly #readsLocalActivities: boolean
  /** Activities and children whose cancellation makes no event. */
  readonly #abandoned = new Set<string>()

  /** @param options `localActivities`: read them too, of which a history has no events of their own */
  constructor({ localActivities = false }: { readonly localActivities?: boolean } = {}) {
    this.#readsLocalActivities = localActivities
  }

  /** Local activities end in the task that begins them: their ids are needed before it is read. */
  noteLocalActivities(commands: readonly Attributes[]): void {
    for (const command of commands) {
      const [kind, attributes] = variantOf(command)
      if (kind !== 'scheduleLocalActivity') continue
      this.activities.set(seqOf(attributes), String(attributes['activityId']))
    }
  }

  /** Whether one of these commands ends the run. */
  ends(commands: readonly Attributes[]): boolean {
    return commands.some((command) => {
      const [kind = '', attributes] = variantOf(command)
      return terminalOf(kind, attributes) !== undefined
    })
  }

  read(commands: readonly Attributes[]): readonly Fields[] {
    const withdrawn = withdrawnIn(commands)
    const kept: Fields[] = []
    let terminal: Fields | undefined
    for (const command of commands) {
      const [kind = '', attributes] = variantOf(command)
      if (withdrawn.has(`${kind} ${seqOf(attributes)}`)) continue
      const end = terminalOf(kind, attributes)
      if (end !== undefined) terminal ??= end
      else kept.push(...this.#read(kind, attributes, summaryOf(command)))
    }
    return terminal === undefined ? kept : [...kept, terminal]
  }

  #read(kind: string, attributes: Attributes, summary: unknown): readonly Fields[] {
    const seq = seqOf(attributes)
    switch (kind) {
      case 'startTimer': {
        const ms = attributes['startToFireTimeout']
        return [fields('startTimer', { id: String(seq), ms, summary })]
      }
      case 'cancelTimer':
        return this.firedTimers.has(seq) ? [] : [fields('cancelTimer', { id: String(seq) })]
      case 'scheduleActivity':
        return [this.#scheduleActivity(seq, attributes, summary)]
      case 'requestCancelActivity': {
        const id = this.activities.get(seq) ?? '?'
        if (this.#abandoned.has(`activity ${id}`)) return []
        return [fields('cancelActivity', { id })]
      }
      case 'startChildWorkflowExecution':
        return [this.#startChild(seq, attributes)]
      case 'cancelChildWorkflowExecution': {
        const id = this.children.get(attributes['childWorkflowSeq'] as number) ?? '?'
        if (this.#abandoned.has(`child ${id}`)) return []
        this.cancels.set(-seq, String(this.cancels.size + 1))
        this.childCancels.add(String(this.cancels.size))
        return [fields('cancelExternal', { number: String(this.cancels.size), target: id })]
      }
      case 'signalExternalWorkflowExecution': {
        const number = String(this.signals.size + 1)
        this.signals.set(seq, number)
        const { signalName, args, headers } = attributes
        return [
          fields('signalExternal', {
            number,
            target: targetOf(attributes) ?? attributes['childWorkflowId'],
            name: signalName,
            args,
            headers,
          }),
        ]
      }
      case 'requestCancelExternalWorkflowExecution': {
        const number = String(this.cancels.size + 1)
        this.cancels.set(seq, number)
        return [fields('cancelExternal', { number, target: targetOf(attributes) })]
      }
      case 'updateResponse':
        return this.#updateResponse(attributes)
      case 'upsertWorkflowSearchAttributes':
        return [fields('upsertSearchAttributes', { attributes: attributes['searchAttributes'] })]
      case 'modifyWorkflowProperties': {
        const memo = (attributes['upsertedMemo'] as Attributes | undefined)?.['fields']
        return [fields('modifyProperties', { memo })]
      }
      case 'setPatchMarker':
        return [fields('patched', attributes)]
      case 'scheduleLocalActivity':
        return this.#readsLocalActivities ? [scheduleLocal(seq, attributes)] : []
      case 'requestCancelLocalActivity':
        return this.#readsLocalActivities ? [fields('cancelLocal', { id: String(seq) })] : []
      // A signal that was sent is not called back.
      case 'cancelSignalWorkflow':
        return []
      default:
        return [fields(`unknown command ${kind}`, attributes)]
    }
  }

  #scheduleActivity(seq: number, attributes: Attributes, summary: unknown): Fields {
    const id = String(attributes['activityId'])
    this.activities.set(seq, id)
    if (attributes['cancellationType'] === ABANDON_ACTIVITY) this.#abandoned.add(`activity ${id}`)
    return fields('scheduleActivity', {
      id,
      type: attributes['activityType'],
      args: attributes['arguments'],
      headers: attributes['headers'],
      taskQueue: taskQueueOf(attributes),
      scheduleToCloseTimeout: attributes['scheduleToCloseTimeout'],
      scheduleToStartTimeout: attributes['scheduleToStartTimeout'],
      startToCloseTimeout: attributes['startToCloseTimeout'],
      heartbeatTimeout: attributes['heartbeatTimeout'],
      retryPolicy: withDefaults((attributes['retryPolicy'] ?? {}) as Attributes),
      summary,
    })
  }

  #startChild(seq: number, attributes: Attributes): Fields {
    const id = String(attributes['workflowId'])
    this.children.set(seq, id)
    if (attributes['cancellationType'] === ABANDON_CHILD) this.#abandoned.add(`child ${id}`)
    const policy = attributes['retryPolicy'] as Attributes | undefined
    return fields('startChild', {
      id,
      type: attributes['workflowType'],
      args: attributes['input'],
      headers: attributes['headers'],
      taskQueue: taskQueueOf(attributes),
      workflowExecutionTimeout: attributes['workflowExecutionTimeout'],
      workflowRunTimeout: attributes['workflowRunTimeout'],
      // What a command leaves open a server decides: TERMINATE.
      parentClosePolicy: attributes['parentClosePolicy'] ?? 1,
      retryPolicy: policy && withDefaults(policy),
      cronSchedule: attributes['cronSchedule'],
      memo: attributes['memo'],
      searchAttributes: attributes['searchAttributes'],
    })
  }

  #updateResponse(attributes: Attributes): readonly Fields[] {
    const id = this.updates.get(attributes['protocolInstanceId'] as string) ?? '?'
    if ('completed' in attributes) {
      return [fields('completeUpdate', { id, completed: attributes['completed'] })]
    }
    if ('rejected' in attributes) {
      return [fields('completeUpdate', { id, failed: attributes['rejected'] })]
    }
    return [fields('acceptUpdate', { id })]
  }
}

function scheduleLocal(seq: number, attributes: Attributes): Fields {
  return fields('scheduleLocal', {
    id: String(seq),
    type: attributes['activityType'],
    args: attributes['arguments'],
    startToCloseTimeout: attributes['startToCloseTimeout'],
    localRetryThreshold: attributes['localRetryThreshold'],
    maximumAttempts: (attributes['retryPolicy'] as Attributes | undefined)?.['maximumAttempts'],
    attempt: attributes['attempt'],
    originalScheduleTime: attributes['originalScheduleTime'],
    cancellationType: attributes['cancellationType'],
  })
}

function terminalOf(kind: string, attributes: Attributes): Fields | undefined {
  switch (kind) {
    case 'completeWorkflowExecution':
      return fields('complete', { result: attributes['result'] })
    case 'failWorkflowExecution':
      return fields('fail', { failure: attributes['failure'] })
    case 'cancelWorkflowExecution':
      return fields('cancelled', {})
    case 'continueAsNewWorkflowExecution':
      return fields('continueAsNew', {
        type: attributes['workflowType'],
        args: attributes['arguments'],
        headers: attributes['headers'],
        taskQueue: taskQueueOf(attributes),
      })
    default:
      return undefined
  }
}

/** Pairs of a beginning and its cancellation in one task: the core sends neither. */
function withdrawnIn(commands: readonly Attributes[]): ReadonlySet<string> {
  const begun = new Set<string>()
  const withdrawn = new Set<string>()
  const pairs: ReadonlyMap<string, string> = new Map([
    ['cancelTimer', 'startTimer'],
    ['requestCancelActivity', 'scheduleActivity'],
    ['cancelSignalWorkflow', 'signalExternalWorkflowExecution'],
    ['requestCancelLocalActivity', 'scheduleLocalActivity'],
    ['cancelChildWorkflowExecution', 'startChildWorkflowExecution'],
  ])
  for (const command of commands) {
    const [kind = '', attributes] = variantOf(command)
    const seq = seqOf(attributes)
    begun.add(`${kind} ${seq}`)
    const beginning = `${pairs.get(kind)} ${seq}`
    if (!begun.has(beginning)) continue
    withdrawn.add(beginning)
    withdrawn.add(`${kind} ${seq}`)
  }
  return withdrawn
}

function variantOf(command: Attributes): readonly [kind: string | undefined, Attributes] {
  const kind = Object.keys(command).find(
    (name) => name !== 'userMetadata' && name !== 'eventGroupMarkers',
  )
  return [kind, ((kind && command[kind]) ?? {}) as Attributes]
}

function seqOf(attributes: Attributes): number {
  return Number(attributes['seq'] ?? attributes['childWorkflowSeq'] ?? 0)
}

function summaryOf(command: Attributes): unknown {
  return (command['userMetadata'] as Attributes | undefined)?.['summary']
}

function targetOf(attributes: Attributes): unknown {
  return (attributes['workflowExecution'] as Attributes | undefined)?.['workflowId']
}

/** A replayer has a queue of its own, which stands in where code names none. */
function taskQueueOf(attributes: Attributes): unknown {
  const taskQueue = attributes['taskQueue']
  return typeof taskQueue === 'string' && taskQueue.startsWith('fake_replay_queue')
    ? undefined
    : taskQueue
}

/** A server writes a whole policy into history, whatever a command leaves open. */
function withDefaults(policy: Attributes): Attributes {
  const initialInterval = Number(policy['initialInterval'] ?? 1_000)
  return {
    initialInterval,
    backoffCoefficient: 2,
    maximumInterval: initialInterval * 100,
    ...policy,
  }
}
