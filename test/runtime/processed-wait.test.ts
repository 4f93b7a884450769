import { describe, expect, test } from 'vitest'
import type { EngineHost } from '../fixtures/engine-host.ts'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { numbers } from '../fixtures/lab.ts'
import { add, collector, items } from '../fixtures/workflows.ts'

const runOf = ({ runs }: EngineHost['engine'], workflowId: string) => {
  const run = runs.current('default', workflowId)
  if (run === undefined) throw new Error('there is no such run')
  return run
}

describe('A wait for a turn that is given up', () => {
  test('leaves nothing in the run, whichever end it comes to', async () => {
    const { client, engine } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.pause()
    const hangUp = new AbortController()
    const bounded = numbers(20, 1).map((n) =>
      handle.signal({ signal: add, waitFor: 'processed', timeoutMs: 20 }, n),
    )
    const hung = numbers(20, 21).map((n) =>
      handle.signal({ signal: add, waitFor: 'processed', abortSignal: hangUp.signal }, n),
    )
    const patient = handle.signal({ signal: add, waitFor: 'processed' }, 41)
    expect(await Promise.all(bounded)).toEqual(bounded.map(() => ({ processed: false })))
    expect(runOf(engine, 'w').waiters).toHaveLength(21)
    hangUp.abort()
    expect(await Promise.all(hung)).toEqual(hung.map(() => ({ processed: false })))
    expect(runOf(engine, 'w').waiters).toHaveLength(1)
    await handle.unpause()
    await patient
    expect(await handle.query(items)).toEqual(numbers(41, 1))
    expect(runOf(engine, 'w').waiters).toEqual([])
  })

  test('ends no sooner than the signal is durable', async () => {
    const { client, engine, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    gate.hold()
    let ended = false
    const sent = handle.signal({ signal: add, waitFor: 'processed', timeoutMs: 0 }, 1)
    const noted = sent.then(() => {
      ended = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(ended).toBe(false)
    gate.release()
    expect(await sent).toEqual({ processed: false })
    await noted
    expect(runOf(engine, 'w').waiters).toEqual([])
  })
})
