import { expect, test, vi } from 'vitest'
import {
  inboxStatus,
  messageReceived,
  userInbox,
} from '../../examples/synchronization/workflows.ts'
import { openExample } from './example-runtime.ts'

const longMs = 60 * 60 * 1000

/** Processes messages with a pause in between, and notices if two of one user overlap. */
class Processor {
  readonly processed = new Map<string, string[]>()
  readonly overlapping: string[] = []
  readonly #busy = new Set<string>()

  readonly processMessage = async (userId: string, message: { messageId: string }) => {
    if (this.#busy.has(userId)) this.overlapping.push(message.messageId)
    this.#busy.add(userId)
    await new Promise((resolve) => setImmediate(resolve))
    this.processed.set(userId, [...(this.processed.get(userId) ?? []), message.messageId])
    this.#busy.delete(userId)
  }
}

test('messages sent in parallel are processed one after the other and in order, over several runs', async () => {
  const processor = new Processor()
  const { runtime } = await openExample('synchronization', processor)
  const users = ['ada', 'bob', 'cyd']
  const ids = Array.from({ length: 40 }, (_, n) => `message-${n}`)
  const sends = ids.flatMap((messageId) =>
    users.map((userId) =>
      runtime.client.workflow.signalWithStart(userInbox, {
        workflowId: `inbox/${userId}`,
        args: [userId, { messagesPerRun: 7, idleMs: longMs }],
        signal: messageReceived,
        signalArgs: [{ messageId, text: 'hello' }],
      }),
    ),
  )
  await Promise.all(sends)

  for (const userId of users) {
    const handle = runtime.client.workflow.getHandle(`inbox/${userId}`)
    await vi.waitFor(async () => {
      expect(await handle.query(inboxStatus)).toEqual({ waiting: 0, processed: ids.length })
    }, 20_000)
    expect(processor.processed.get(userId)).toEqual(ids)
    const runs = await runtime.client.workflow.count(`WorkflowId = 'inbox/${userId}'`)
    expect(runs.count).toBe(Math.floor(ids.length / 7) + 1)
  }
  expect(processor.overlapping).toEqual([])
})

test('an idle inbox ends, and the next message starts another', async () => {
  const processor = new Processor()
  const { runtime } = await openExample('synchronization', processor)
  const receive = (messageId: string) =>
    runtime.client.workflow.signalWithStart(userInbox, {
      workflowId: 'inbox/eve',
      args: ['eve', { idleMs: 20 }],
      signal: messageReceived,
      signalArgs: [{ messageId, text: 'hello' }],
    })
  expect(await (await receive('first')).result()).toBe(1)
  expect(await (await receive('second')).result()).toBe(1)
  expect(processor.processed.get('eve')).toEqual(['first', 'second'])
})
