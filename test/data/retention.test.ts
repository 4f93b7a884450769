import path from 'node:path'
import { type Runtime, type RuntimeOptions, SignalboxError } from 'signalbox'
import { describe, expect, test } from 'vitest'
import { openSnapshot } from '../../runtime/journal-snapshot.ts'
import { RowTable } from '../../runtime/row-keys.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Lab, numbers } from '../fixtures/lab.ts'

const options = {
  code: 'retention-workflows.ts',
  activities: { slowly: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) },
  limits: { closeTimeoutMs: 500 },
} as const

async function openLab(more: Partial<RuntimeOptions> = {}): Promise<[Lab, Runtime]> {
  const lab = await Lab.create()
  return [lab, await lab.open({ ...options, ...more })]
}

async function isGone(runtime: Runtime, workflowId: string, namespace?: string): Promise<boolean> {
  try {
    await runtime.service.describeWorkflow({ workflowId, namespace })
    return false
  } catch (error) {
    if (error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND') {
      return true
    }
    throw error
  }
}

async function untilGone(runtime: Runtime, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await eventually(`${id} is deleted`, () => isGone(runtime, id))
}

/** Everything that the folder holds: its rows by table, and its runs. */
async function contents(dataDir: string): Promise<{ tables: number[]; runs: number[] }> {
  const snapshot = await openSnapshot(dataDir)
  const tables: number[] = []
  for (const [key] of snapshot.reads.rows({ start: Buffer.of(0), end: Buffer.of(255) })) {
    // Counts of runs that are 0 stay, and say nothing of any run.
    if (key[0] !== RowTable.runCount) tables.push(key[0] ?? -1)
  }
  const runs: number[] = []
  for (let run = 1; run < snapshot.reads.nextRun; run++) {
    const hasRecords = [...snapshot.reads.readRun(run, 1)].length > 0
    if (hasRecords || snapshot.reads.runState(run) !== undefined) runs.push(run)
  }
  await snapshot.close()
  return { tables, runs }
}

/** A workflow of all that a run can leave, closed. */
async function runLeaver(runtime: Runtime, workflowId: string, updates = 3): Promise<void> {
  const handle = await runtime.client.workflow.start('leaver', {
    workflowId,
    args: [4],
    workflowRunTimeout: '1 year',
    requestId: `start of ${workflowId}`,
  })
  for (const n of numbers(updates)) {
    await handle.executeUpdate('tell', { args: [`u${n}`], updateId: `update-${n}` })
  }
  await handle.signal({ signal: 'say', requestId: 'said' }, 'hello')
  await handle.signal('finish')
  expect(await handle.result()).toHaveLength(updates + 1)
}

describe('retention', () => {
  test('deletes closed workflows with all that they are, and no open one', async () => {
    const [lab, runtime] = await openLab({ retention: '1 s' })
    const { workflow } = runtime.client
    await runLeaver(runtime, 'leaver')
    await workflow.execute('brief', { workflowId: 'brief', args: ['x'] })
    await workflow.start('failing', { workflowId: 'failing' })
    await workflow.start('waits', { workflowId: 'terminated' })
    await workflow.getHandle('terminated').terminate()
    await workflow.execute('chain', { workflowId: 'chain', args: [3] })
    await workflow.start('waits', { workflowId: 'open' })
    await untilGone(runtime, 'leaver', 'brief', 'failing', 'terminated', 'chain')
    const ids: string[] = []
    for await (const { workflowId } of workflow.list()) ids.push(workflowId)
    expect(ids).toEqual(['open'])
    await lab.close()
    const { tables, runs } = await contents(lab.dataDir)
    // Of the open one: under its id, its summary, and what lists find it by. And which namespaces are covered.
    const { workflowId, run, coverage, visibility } = RowTable
    expect(tables).toEqual([workflowId, run, coverage, visibility, visibility])
    expect(runs).toHaveLength(1)
  })

  test('lets ids be used again, as if they were new', async () => {
    const [, runtime] = await openLab({ retention: '1 s' })
    await runLeaver(runtime, 'w')
    await untilGone(runtime, 'w')
    const again = await runtime.client.workflow.start('brief', {
      workflowId: 'w',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      requestId: 'start of w',
      args: ['another'],
    })
    expect(await again.result()).toBe('another')
  })

  test('is per namespace, and keeps everything where nothing is said', async () => {
    const [, runtime] = await openLab({
      namespaces: { short: { retention: 1_000 }, long: { retention: '10 years' } },
    })
    for (const namespace of ['short', 'long', 'default']) {
      await runtime.service.startWorkflow({
        namespace,
        workflowId: 'w',
        workflowType: 'brief',
        args: [],
      })
    }
    await eventually('w is deleted', () => isGone(runtime, 'w', 'short'))
    expect(await isGone(runtime, 'w', 'long')).toBe(false)
    expect(await isGone(runtime, 'w', 'default')).toBe(false)
  })

  test('may keep a namespace for ever where others are not', async () => {
    const [, runtime] = await openLab({
      retention: '1s',
      namespaces: { audit: { retention: 'forever' } },
    })
    for (const namespace of ['audit', 'default']) {
      await runtime.service.startWorkflow({
        namespace,
        workflowId: 'w',
        workflowType: 'brief',
        args: [],
      })
    }
    await eventually('w is deleted', () => isGone(runtime, 'w', 'default'))
    expect(await isGone(runtime, 'w', 'audit')).toBe(false)
  })

  test('finds what closed while there was none, each time that it comes back', async () => {
    const [lab, first] = await openLab()
    await first.client.workflow.execute('brief', { workflowId: 'a', args: [] })
    const second = await lab.reopen({ ...options, retention: '1 s' })
    await untilGone(second, 'a')
    await second.client.workflow.execute('brief', { workflowId: 'b', args: [] })
    // Closed where it is not noted down.
    const third = await lab.reopen({ ...options, namespaces: { other: { retention: '1 s' } } })
    await third.client.workflow.execute('brief', { workflowId: 'c', args: [] })
    expect(await isGone(third, 'b')).toBe(false)
    const fourth = await lab.reopen({ ...options, retention: '1 s' })
    await untilGone(fourth, 'b', 'c')
    await lab.close()
    expect(await contents(lab.dataDir)).toEqual({ tables: [RowTable.coverage], runs: [] })
    // Without retention nothing of it is left.
    await lab.reopen(options)
    await lab.close()
    expect(await contents(lab.dataDir)).toEqual({ tables: [], runs: [] })
  })

  test('is a time of at least a second', async () => {
    for (const [retention, option] of [
      [{ retention: 10 }, 'retention'],
      [{ retention: 'soon' as '1s' }, 'retention'],
      [{ retention: -5 }, 'retention'],
      [{ namespaces: { a: { retention: 0 } } }, 'namespaces.a.retention'],
      [{ namespaces: { a: { retain: '1s' } as object } }, 'namespaces.a.retain'],
      [{ namespaces: { 'a\u0000': {} } }, 'namespaces.a\u0000'],
    ] as const) {
      await expect(openLab(retention)).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_INVALID_OPTION',
        fields: { option },
      })
    }
  })
})

describe('handle.delete()', () => {
  test('deletes a closed run, and a running one after its termination', async () => {
    const [lab, runtime] = await openLab()
    const { workflow } = runtime.client
    await runLeaver(runtime, 'closed')
    await workflow.start('leaver', { workflowId: 'running', args: [2] })
    for (const id of ['closed', 'running']) {
      await workflow.getHandle(id).delete()
      expect(await isGone(runtime, id)).toBe(true)
      await expect(workflow.getHandle(id).delete()).rejects.toMatchObject({
        code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND',
      })
      await expect(workflow.getHandle(id).fetchHistory()).rejects.toThrow(/not found/)
      await expect(workflow.getHandle(id).signal('say', 'x')).rejects.toThrow(/not found/)
    }
    await lab.close()
    expect(await contents(lab.dataDir)).toEqual({ tables: [], runs: [] })
  })

  test('of one run leaves the others of its workflow id', async () => {
    const [, runtime] = await openLab()
    const { workflow } = runtime.client
    const first = await workflow.start('brief', { workflowId: 'w', args: [1] })
    await first.result()
    const second = await workflow.start('brief', { workflowId: 'w', args: [2] })
    await second.result()
    await workflow.getHandle('w', first.firstExecutionRunId).delete()
    expect(await workflow.getHandle('w').result()).toBe(2)
    await expect(workflow.getHandle('w', first.firstExecutionRunId).describe()).rejects.toThrow()
    await workflow.getHandle('w').delete()
    await expect(workflow.getHandle('w').describe()).rejects.toThrow(/not found/)
  })

  test('while others ask for the workflow gives each of them one clear answer', async () => {
    const [, runtime] = await openLab()
    const { workflow } = runtime.client
    for (const n of numbers(20)) {
      const workflowId = `w${n}`
      await runLeaver(runtime, workflowId, 1)
      const handle = workflow.getHandle(workflowId)
      const asked = Promise.allSettled([
        handle.query('heard'),
        handle.describe(),
        handle.signal('say', 'late'),
        handle.fetchHistory(),
        handle.query('heard'),
      ])
      await handle.delete()
      for (const answer of await asked) {
        if (answer.status === 'fulfilled') continue
        expect(answer.reason).toMatchObject({ code: 'SIGNALBOX_ERR_WORKFLOW_NOT_FOUND' })
      }
      const started = await workflow.start('brief', { workflowId, args: [n] })
      expect(await started.result()).toBe(n)
    }
  })

  test('takes the rows of a thousand updates with it, in several commits', async () => {
    const [lab, runtime] = await openLab()
    const handle = await runtime.client.workflow.start('leaver', { workflowId: 'w', args: [0] })
    for (let n = 0; n < 1_200; n += 100) {
      await Promise.all(
        numbers(100, n).map((i) => handle.executeUpdate('tell', { args: [`u${i}`] })),
      )
    }
    await handle.delete()
    await lab.close()
    // Nothing is done after a close is asked for: the next open goes on.
    await lab.reopen(options)
    await eventually('its last rows are gone', async () => {
      await lab.close()
      const { tables } = await contents(lab.dataDir)
      if (tables.length === 0) return true
      await lab.reopen(options)
      return false
    })
    expect(await contents(lab.dataDir)).toEqual({ tables: [], runs: [] })
  })

  test('of a parent waits until all its children have been told', async () => {
    const [lab, runtime] = await openLab()
    const { workflow } = runtime.client
    const children = 1_500
    await workflow.start('parent', { workflowId: 'parent', args: [children, 'TERMINATE'] })
    await workflow.getHandle('parent').result()
    await workflow.getHandle('parent').delete()
    await eventually('all children have been told', async () => {
      const { count } = await runtime.service.countWorkflows({
        query: "ExecutionStatus = 'Terminated'",
      })
      return count === children
    })
    expect(await isGone(runtime, 'parent')).toBe(true)
    await lab.close()
  })

  test('of a parent leaves abandoned children alone, and they can end', async () => {
    const [, runtime] = await openLab()
    const { workflow } = runtime.client
    await workflow.execute('parent', { workflowId: 'parent', args: [3, 'ABANDON'] })
    await workflow.getHandle('parent').delete()
    for (const n of numbers(3)) {
      const child = workflow.getHandle(`child-${n}`)
      const { status, parentExecution } = await child.describe()
      expect(status).toBe('RUNNING')
      expect(parentExecution?.workflowId).toBe('parent')
      await child.terminate()
      await child.delete()
    }
  })
})

test('the data of deleted workflows make room for new ones', async () => {
  const { EngineHost } = await import('../fixtures/engine-host.ts')
  const { openLmdbJournal } = await import('../../dist/runtime/journal-lmdb.js')
  const { bundleOf, temporaryFolder } = await import('../fixtures/lab.ts')
  const { stat } = await import('node:fs/promises')
  const dataDir = path.join(await temporaryFolder(), 'data')
  const journal = await openLmdbJournal({ dataDir, logWindowBytes: 256 * 1024, logWindowRows: 200 })
  const host = await EngineHost.open(journal, await bundleOf('retention-workflows.ts'), {
    limits: { closeTimeoutMs: 500 },
  })
  const sizes: number[] = []
  const text = 'x'.repeat(2_000)
  for (let round = 0; round < 32; round++) {
    for (let n = 0; n < 400; n += 100) {
      const handles = await Promise.all(
        numbers(100, n).map((i) =>
          host.client.start('brief', {
            workflowId: `r${round}-${i}`,
            requestId: `request ${i}`,
            args: [text],
          }),
        ),
      )
      await Promise.all(handles.map((handle) => handle.result()))
      await Promise.all(handles.map((handle) => handle.delete()))
    }
    sizes.push((await stat(path.join(dataDir, 'journal', 'data.mdb'))).size)
  }
  await host.close()
  // Each round puts some 3 MB through. The file has its size after ten; without reuse it would double.
  expect(sizes.at(-1)).toBeLessThan((sizes[15] ?? 0) * 1.3)
}, 120_000)

test('an open workflow is deleted, however few runs may be in memory', async () => {
  const [, runtime] = await openLab({ limits: { ...options.limits, maxCachedWorkflows: 1 } })
  const { workflow } = runtime.client
  const handles = await Promise.all(
    numbers(20).map((n) => workflow.start('waits', { workflowId: `w${n}` })),
  )
  await Promise.all(handles.map((handle) => handle.delete()))
  for (const { workflowId } of handles) expect(await isGone(runtime, workflowId)).toBe(true)
})
