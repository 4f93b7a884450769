import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { bought, buy, done } from '../fixtures/code/order-v1.ts'
import { Lab, numbers, openRuntime } from '../fixtures/lab.ts'
import { dice, finish, roll, rolls, stray, strays } from '../fixtures/workflows.ts'

const activities = {
  reserve: async (item: string) => `reserved ${item}`,
  pay: async (item: string) => `paid ${item}`,
}
const code = (version: string): { code: string; activities: object } => ({
  code: `code/order-${version}.ts`,
  activities,
})
const quick = { parkBackoffMs: 20, parkBackoffMaxMs: 100 }

describe('7 Deterministic replay', () => {
  test.each(['swapped', 'dropped', 'surplus'])(
    'code with %s commands parks the run; mended code goes on and nothing is lost',
    async (version) => {
      const lab = await Lab.create()
      let { client } = await lab.open(code('v1'))
      let handle = await client.workflow.start('order', { workflowId: 'w' })
      const other = await client.workflow.start('order', { workflowId: 'other' })
      await handle.signal(buy, 'tea')
      await eventually('tea is bought', async () => (await handle.query(bought)).length === 2)

      ;({ client } = await lab.reopen({ ...code(version), limits: quick }))
      handle = client.workflow.getHandle('w')
      await handle.signal(buy, 'milk')
      const parked = await eventually(
        'the run is parked',
        async () => (await handle.describe()).parked,
      )
      expect(parked.reason).toContain('Nondeterminism')
      expect(parked.reason).toMatch(/reserve|pay/)
      await expect(handle.query(bought)).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
      })
      // It still takes signals, is tried again, and harms nobody else.
      await handle.signal({ signal: buy, requestId: 'sugar' }, 'sugar')
      await eventually(
        'it is tried again',
        async () => ((await handle.describe()).parked?.attempts ?? 0) > parked.attempts,
      )
      expect((await handle.describe()).mailboxDepth).toBeGreaterThanOrEqual(2)
      expect(await client.workflow.getHandle(other.workflowId).query(bought)).toEqual([])

      ;({ client } = await lab.reopen(code('mended')))
      handle = client.workflow.getHandle('w')
      await handle.signal({ signal: buy, requestId: 'sugar' }, 'sugar')
      await handle.signal(done)
      expect(await handle.result()).toEqual(
        ['tea', 'milk', 'sugar'].flatMap((item) => [`reserved ${item}`, `paid ${item}`]),
      )
    },
  )

  test('a run that is idle is checked when it is next asked, not answered with old state', async () => {
    const lab = await Lab.create()
    const first = await lab.open(code('v1'))
    const handle = await first.client.workflow.start('order', { workflowId: 'w' })
    await handle.signal(buy, 'tea')
    await eventually('tea is bought', async () => (await handle.query(bought)).length === 2)
    const { client } = await lab.reopen({ ...code('swapped'), limits: quick })
    await expect(client.workflow.getHandle('w').query(bought)).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_WORKFLOW_NOT_READY',
    })
  })

  test('random numbers, ids and the clock are the same in every replay', async () => {
    const lab = await Lab.create()
    let { client } = await lab.open()
    const handle = await client.workflow.start(dice, { workflowId: 'w' })
    for (const _ of numbers(5)) await handle.signal(roll)
    const before = await handle.query(rolls)
    expect(before).toHaveLength(5)
    expect(new Set(before.map((throwOf) => JSON.stringify(throwOf))).size).toBe(5)
    for (const slots of [1, 3]) {
      ;({ client } = await lab.reopen({ slots }))
      expect(await client.workflow.getHandle('w').query(rolls)).toEqual(before)
    }
    const again = client.workflow.getHandle<typeof dice>('w')
    await again.signal(finish)
    expect(await again.result()).toEqual(before)
  })

  test('an error in workflow code parks the run and names the line of its file', async () => {
    const { client } = await openRuntime()
    const handle = await client.workflow.start(stray, { workflowId: 'w', args: ['throw'] })
    const parked = await eventually('it is parked', async () => (await handle.describe()).parked)
    expect(parked.reason).toBe('TypeError: a defect in the workflow')
    const source = await readFile(new URL('../fixtures/workflows.ts', import.meta.url), 'utf8')
    const line = source.split('\n').findIndex((text) => text.includes('throw new TypeError(')) + 1
    expect(parked.stack).toMatch(new RegExp(`throwFromHere.*fixtures/workflows\\.ts:${line}:`))
  })

  test('a rejection that nobody handles parks its own run, and no other', async () => {
    const { client } = await openRuntime({ slots: 1 })
    const handles = await Promise.all(
      numbers(40).map((i) =>
        client.workflow.start(stray, {
          workflowId: `w${i}`,
          args: [i % 10 === 3 ? 'reject' : 'behave'],
        }),
      ),
    )
    const bad = handles.filter((_, i) => i % 10 === 3)
    for (const handle of bad) {
      const parked = await eventually('it is parked', async () => (await handle.describe()).parked)
      expect(parked.reason).toContain('nobody looks at this one')
    }
    for (const handle of handles) {
      if (bad.includes(handle)) continue
      expect((await handle.describe()).parked).toBeUndefined()
      expect(await handle.query(strays)).toBe(0)
    }
  })
})
