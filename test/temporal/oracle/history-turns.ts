import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { temporal } from '@temporalio/proto'
import { commandOfEvent, markerData } from './event-commands.ts'
import { jobOfEvent } from './event-jobs.ts'
import { EventNames, type ReadEvent } from './event-names.ts'
import { readable } from './readable.ts'
import { type Attributes, fields, type Fields, type Turn } from './turn.ts'

/** A history as `handle.fetchHistory()` gives it. */
export interface HistoryJson {
  readonly events: readonly HistoryEventJson[]
}

export interface HistoryEventJson {
  readonly eventId: string
  readonly eventType: string
  readonly [attributes: string]: unknown
}

/**
 * The turns that a history tells of, one for each of its workflow tasks: jobs from the events before
 * the task, in the order in which the SDK's core hands them over, commands from those after it.
 */
export function historyTurns(history: HistoryJson): readonly Turn[] {
  const names = new EventNames()
  const turns: { historyLength: number; time: number; jobs: Fields[]; commands: Fields[] }[] = []
  let jobs: Fields[] = []
  for (const event of readEvents(history)) {
    if (event.type === 'WORKFLOW_TASK_STARTED') {
      turns.push({ historyLength: event.id, time: event.time, jobs, commands: [] })
      jobs = []
      continue
    }
    if (event.type === 'WORKFLOW_TASK_FAILED') {
      // Done anew, with what it was given. Of the new random numbers of a reset interceptors are not told.
      jobs = [...(turns.pop()?.jobs ?? [])]
      continue
    }
    const turn = turns.at(-1)
    const command = commandOfEvent(event, names)
    if (command !== undefined) {
      const outcome = localOutcome(event)
      if (outcome !== undefined) turn?.jobs.push(outcome)
      // The core makes these two by itself.
      if (outcome !== undefined || isChangeVersion(event)) continue
      turn?.commands.push(command)
      // The core hands an update over with the task that accepts it: it has no event before that.
      const { acceptedRequest } = event.attributes
      if (acceptedRequest !== undefined) turn?.jobs.push(updateJob(acceptedRequest as Attributes))
      continue
    }
    const job = jobOfEvent(event, names)
    if (job !== undefined) jobs.push(job)
  }
  return turns.map((turn) => ({ ...turn, jobs: turn.jobs.toSorted((a, b) => rank(a) - rank(b)) }))
}

/** The outcome of a local activity, which the core hands to workflow code in the task that noted it. */
function localOutcome({ type, attributes }: ReadEvent): Fields | undefined {
  if (type !== 'MARKER_RECORDED' || attributes['markerName'] !== 'core_local_activity') {
    return undefined
  }
  const data = markerData(attributes)
  const details = attributes['details'] as Attributes
  const [completed] = ((details['result'] as Attributes | undefined)?.['payloads'] ??
    []) as readonly unknown[]
  const failed = attributes['failure'] as Attributes | undefined
  const id = data['activity_id']
  if (failed === undefined) return fields('localActivity', { id, completed: completed ?? '' })
  // What says that it was cancelled is a message without fields, and those are left out.
  const isCancelled = Object.keys(failed).every((name) => name === 'message')
  return fields('localActivity', { id, ...(isCancelled ? { cancelled: [] } : { failed }) })
}

function isChangeVersion({ type, attributes }: ReadEvent): boolean {
  if (type !== 'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES') return false
  const { indexedFields } = attributes['searchAttributes'] as Attributes
  return 'TemporalChangeVersion' in (indexedFields as Attributes)
}

function updateJob({ meta, input }: Attributes): Fields {
  const { name, args, header } = input as Attributes
  return fields('update', {
    id: (meta as Attributes)['updateId'],
    name,
    args: (args as Attributes | undefined)?.['payloads'],
    headers: (header as Attributes | undefined)?.['fields'],
  })
}

function rank({ kind }: Fields): number {
  const at = ['start', 'patch', 'signal'].indexOf(kind === 'update' ? 'signal' : kind)
  return at === -1 ? 3 : at
}

function* readEvents(history: HistoryJson): Generator<ReadEvent & { readonly time: number }> {
  for (const event of historyFromJSON(history).events ?? []) {
    const type = temporal.api.enums.v1.EventType[event.eventType ?? 0]?.replace('EVENT_TYPE_', '')
    if (type === undefined) throw new Error(`An event without a type: ${JSON.stringify(event)}`)
    const { eventTime, eventId, userMetadata, ...rest } = event
    const key = Object.keys(rest).find((name) => name.endsWith('EventAttributes'))
    const attributes = key === undefined ? {} : rest[key as keyof typeof rest]
    const metadata = readable(userMetadata) as Attributes | undefined
    yield {
      id: Number(eventId),
      type,
      time: readable(eventTime) as number,
      attributes: readable(attributes) as Attributes,
      summary: metadata?.['summary'],
    }
  }
}
