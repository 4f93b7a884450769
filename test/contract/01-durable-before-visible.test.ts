import { describe, expect, test } from 'vitest'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { add, charge, charger, collector, finish, items } from '../fixtures/workflows.ts'

/** Long enough for a whole turn, there and back, if the engine were to take it too early. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

describe('1 Durable before visible', () => {
  test('a signal is neither acknowledged nor seen before its commit has ended', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.signal(add, 1)

    gate.hold()
    let acknowledged = false
    const second = handle.signal(add, 2).then(() => {
      acknowledged = true
    })
    await eventually('the commit is in flight', () => gate.waiting > 0)
    await aWhile()
    expect(await handle.query(items)).toEqual([1])
    expect(acknowledged).toBe(false)

    gate.release()
    await second
    expect(await handle.query(items)).toEqual([1, 2])
  })

  test('a start is not acknowledged, and not run, before its commit has ended', async () => {
    const { client, gate } = await openGatedEngine()
    gate.hold()
    let acknowledged = false
    const start = client
      .signalWithStart(collector, { workflowId: 'w', signal: add, signalArgs: ['first'] })
      .then((handle) => {
        acknowledged = true
        return handle
      })
    await eventually('the commit is in flight', () => gate.waiting > 0)
    let answered = false
    const query = client
      .getHandle('w')
      .query(items)
      .then((answer) => {
        answered = true
        return answer
      })
    await aWhile()
    expect({ acknowledged, answered }).toEqual({ acknowledged: false, answered: false })
    gate.release()
    await start
    expect(await query).toEqual(['first'])
  })

  test('a result is not told before the commit of the turn that gave it', async () => {
    const { client, gate } = await openGatedEngine()
    const handle = await client.start(collector, { workflowId: 'w' })
    await handle.signal(add, 7)
    gate.holdWhen((batch) => batch.records.some((record) => record.kind === 2))
    await handle.signal(finish)
    let told = false
    const result = handle.result().then((value) => {
      told = true
      return value
    })
    await eventually('the closing commit is in flight', () => gate.waiting > 0)
    const statuses: string[] = []
    const described = handle.describe().then(({ status }) => statuses.push(status))
    await aWhile()
    expect(told).toBe(false)
    expect(statuses).not.toContain('COMPLETED')
    const listed = []
    for await (const { status } of client.list()) listed.push(status)
    expect(listed).toEqual(['RUNNING'])
    gate.release()
    expect(await result).toEqual([7])
    await described
    expect((await handle.describe()).status).toBe('COMPLETED')
  })

  test('an activity does not begin before the commit of the command that asks for it', async () => {
    const begun: string[] = []
    const { client, gate } = await openGatedEngine({
      activities: {
        record: async (what: string) => {
          begun.push(what)
          return `did ${what}`
        },
      },
    })
    const handle = await client.start(charger, { workflowId: 'w' })
    gate.holdWhen((batch) => batch.records.some((record) => record.kind === 2))
    await handle.signal({ signal: charge, waitFor: 'processed' }, 'a')
    await aWhile()
    expect(begun).toEqual([])
    gate.release()
    await handle.signal(finish)
    expect(await handle.result()).toEqual(['did a'])
    expect(begun).toEqual(['a'])
  })
})
