import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
} from 'signalbox/workflow'
import type * as activities from './activities.ts'

export interface Message {
  readonly messageId: string
  readonly text: string
}

export interface InboxOptions {
  /** A run hands over to a new one after this many messages. Default 500. */
  readonly messagesPerRun?: number
  /** A run ends when nothing has come for this long, in milliseconds. Default one hour. */
  readonly idleMs?: number
  /** What an earlier run had buffered and not processed, and how much was processed before. */
  readonly carried?: { readonly waiting: readonly Message[]; readonly processed: number }
}

export interface InboxStatus {
  readonly waiting: number
  readonly processed: number
}

export const messageReceived = defineSignal<[Message]>('messageReceived')
export const inboxStatus = defineQuery<InboxStatus>('inboxStatus')

const { processMessage } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
})

/**
 * One run per user: however many senders there are and however parallel, the user's messages are
 * processed one after the other. Send them with signalWithStart; the run ends when it is idle, and
 * the next message starts another.
 */
export async function userInbox(userId: string, options: InboxOptions = {}): Promise<number> {
  const { messagesPerRun = 500, idleMs = 60 * 60 * 1000 } = options
  const waiting = [...(options.carried?.waiting ?? [])]
  let processed = options.carried?.processed ?? 0

  setHandler(messageReceived, (message) => {
    waiting.push(message)
  })
  setHandler(inboxStatus, () => ({ waiting: waiting.length, processed }))

  for (let inThisRun = 0; inThisRun < messagesPerRun; inThisRun += 1) {
    await condition(() => waiting.length > 0, idleMs)
    const message = waiting.shift()
    // A message that is accepted while the run is about to end keeps it from ending.
    if (message === undefined) return processed
    await processMessage(userId, message)
    processed += 1
  }
  return continueAsNew<typeof userInbox>(userId, { ...options, carried: { waiting, processed } })
}
