import { ApplicationFailure, WorkflowFailedError } from 'signalbox'
import { expect, test } from 'vitest'
import {
  awaitValue,
  bookClosed,
  collectOrders,
  orderPlaced,
} from '../../examples/channel-and-selector/workflows.ts'
import { ActivityLog, openExample } from './example-runtime.ts'

const longMs = 60 * 60 * 1000

test('the snippet returns the value that it expects and fails on any other', async () => {
  const { runtime } = await openExample('channel-and-selector', {})
  const answer = async (workflowId: string, value: string): Promise<string> => {
    const handle = await runtime.client.workflow.start(awaitValue, { workflowId, args: ['answer'] })
    await handle.signal('answer', value)
    return handle.result()
  }
  expect(await answer('value/1', 'SOME_VALUE')).toBe('SOME_VALUE')
  const failure = await answer('value/2', 'ANOTHER').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(WorkflowFailedError)
  const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined
  expect(cause).toBeInstanceOf(ApplicationFailure)
  expect(cause).toMatchObject({ message: 'signalValue', details: ['ANOTHER'] })
})

test('a selector takes from its channels in order, and a default branch loses nothing', async () => {
  const log = new ActivityLog()
  const { runtime } = await openExample('channel-and-selector', {
    bookOrders: log.record('bookOrders'),
  })
  const handle = await runtime.client.workflow.start(collectOrders, {
    workflowId: 'book/1',
    args: [longMs],
  })
  const ids = Array.from({ length: 50 }, (_, n) => `order-${n}`)
  await Promise.all([
    ...ids.map((id) => handle.signal(orderPlaced, id)),
    handle.signal(bookClosed, 'enough'),
  ])
  expect(await handle.result()).toEqual({ orders: ids, closedBecause: 'enough' })
  expect(log.calls).toEqual([['bookOrders', ids]])
})

test('a selector sees a timer', async () => {
  const log = new ActivityLog()
  const { runtime } = await openExample('channel-and-selector', {
    bookOrders: log.record('bookOrders'),
  })
  const handle = await runtime.client.workflow.signalWithStart(collectOrders, {
    workflowId: 'book/2',
    args: [100],
    signal: orderPlaced,
    signalArgs: ['order-0'],
  })
  expect(await handle.result()).toEqual({ orders: ['order-0'], closedBecause: 'the time is over' })
  expect(log.calls).toEqual([['bookOrders', ['order-0']]])
})
