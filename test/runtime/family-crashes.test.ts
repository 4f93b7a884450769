import fc from 'fast-check'
import type { Workflow } from 'signalbox'
import { expect, onTestFinished, test } from 'vitest'
import { MemoryJournalStore, openMemoryJournal } from '../../runtime/journal-memory.ts'
import type { EngineHost } from '../fixtures/engine-host.ts'
import { openEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { checkFamilies } from '../fixtures/check-families.ts'
import { ledger, type Member, member, noted } from '../fixtures/family.ts'
import { Gate } from '../fixtures/gated-journal.ts'

const code = 'family.ts'

/** Its ids say where it is: `f`, `f.0`, `f.0.1` … */
function named(
  plan: Omit<Member, 'id' | 'children'> & { children: unknown[] },
  id: string,
): Member {
  return {
    ...plan,
    id,
    children: plan.children.map((child, n) => named(child as never, `${id}.${n}`)),
  }
}

const ending = fc.constantFrom(
  'return' as const,
  'return' as const,
  'fail' as const,
  'again' as const,
)
const policy = fc.constantFrom('TERMINATE' as const, 'ABANDON' as const, 'REQUEST_CANCEL' as const)
const { family } = fc.letrec((tie) => ({
  family: fc.record({
    notes: fc.nat(5),
    children: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(tie('family'), { maxLength: 3 }),
    ),
    policy,
    waits: fc.boolean(),
    ends: ending,
  }),
}))

/**
 * Open an engine that dies at the commit with this number, for as long as there are numbers; then one
 * that lives. Each does what it can until all members of the family have closed.
 */
async function live(plan: Member, deaths: readonly number[]): Promise<EngineHost> {
  const store = new MemoryJournalStore()
  for (const death of [...deaths, Infinity]) {
    const gate = new Gate()
    let commits = 0
    gate.holdWhen(() => {
      // Nothing of this commit is written, as if the process had been killed just before.
      if (++commits >= death) gate.fail(new Error('the process died here'))
      return false
    })
    const host = await openEngine(gate.before(openMemoryJournal(store)), { slots: 2 }, code)
    onTestFinished(() => host.close())
    try {
      for (const [workflow, workflowId, args] of [
        [ledger, 'ledger', []],
        [member, plan.id, [plan]],
      ] as const) {
        const requestId = `start ${workflowId}`
        await host.client.start(workflow as Workflow, {
          workflowId,
          requestId,
          args,
        })
      }
      await eventually('all members have closed', async () => {
        for await (const { status, workflowId } of host.client.list()) {
          if (workflowId !== 'ledger' && status === 'RUNNING') return false
        }
        return true
      })
      if (death === Infinity) return host
      // It had less to do than it was to live for.
      await host.close()
    } catch (error) {
      if (gate.waiting === 0 && host.engine.state !== 'poisoned') throw error
      await host.close()
    }
  }
  throw new Error('the last engine does not die')
}

async function check(plan: Member, host: EngineHost): Promise<void> {
  await checkFamilies(host.client, [plan])
  const links = [...host.engine.journal.rows({ start: Buffer.of(6), end: Buffer.of(7) })]
  expect(links).toEqual([])
}

test('whatever family, and whenever the process dies: each child and each signal is there once', async () => {
  await fc.assert(
    fc.asyncProperty(
      family,
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
      async (plan, deaths) => {
        const whole = named(plan as never, 'f')
        const host = await live(whole, deaths)
        await check(whole, host)
        await host.close()
      },
    ),
    { numRuns: 6, endOnFailure: true },
  )
}, 120_000)

test('a family that dies at each of its commits in turn', async () => {
  const leaf = {
    notes: 2,
    children: [],
    policy: 'TERMINATE',
    waits: false,
    ends: 'return',
  } as const
  const plan = named(
    {
      notes: 3,
      policy: 'TERMINATE',
      waits: true,
      ends: 'return',
      children: [leaf, { ...leaf, waits: true, children: [leaf, { ...leaf, ends: 'fail' }] }],
    },
    'f',
  )
  for (let death = 1; death <= 10; death++) {
    const host = await live(plan, [death])
    const { client } = host
    expect(await client.getHandle<typeof member>('f').result()).toBe(4)
    const seen = await client.getHandle('ledger').query(noted)
    expect(seen).toHaveLength(3 + 4 * 2)
    await check(plan, host)
    await host.close()
  }
}, 120_000)
