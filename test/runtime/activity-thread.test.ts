import { expect, test } from 'vitest'
import type { ActivityThreadStart, ToActivityThread } from '../../runtime/activity-messages.ts'
import { ActivityThread } from '../../runtime/activity-thread.ts'
import type { WorkerPool } from '../../runtime/worker-pool.ts'
import { eventually } from '../fixtures/eventually.ts'

test('a cancel between the death of a thread and the next one reaches the attempt in that', async () => {
  const heard: string[] = []
  const kills: number[] = []
  let threads = 0
  let die: (() => void) | undefined
  const run = ({ port }: ActivityThreadStart, signal: AbortSignal): Promise<void> => {
    const thread = ++threads
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        kills.push(thread)
        reject(new Error('ended'))
      })
      port.on('message', (message: ToActivityThread) => {
        heard.push(`${thread} ${message.is}`)
        if (message.is === 'cancel') port.postMessage({ is: 'heard' })
      })
      port.postMessage({ is: 'ready', activityTypes: [] })
      die = () => reject(new Error('out of memory'))
    })
  }
  const pool = { run, destroy: () => Promise.resolve() } as unknown as WorkerPool<
    ActivityThreadStart,
    void
  >
  const deaths: string[] = []
  let isReady = false
  const thread = new ActivityThread(pool, {} as never, 200, {
    log: (_level, message) => deaths.push(message),
    onReady: () => {
      isReady = true
    },
    onUnusable: () => undefined,
  })
  thread.open()
  await eventually('the thread has loaded its module', async () => isReady)
  die?.()
  await eventually('the thread has died', async () => deaths.length > 0)
  const events = { ended: () => undefined, heartbeat: () => undefined } as never
  thread.start({ is: 'start', id: 7 } as never, events)
  thread.cancel({ is: 'cancel', id: 7 } as never)
  await eventually('the next one is told', async () => heard.length === 2)
  expect(heard).toEqual(['2 start', '2 cancel'])
  // Longer than a thread may be silent: this one has answered.
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(kills).toEqual([])
  await thread.close(10)
})
