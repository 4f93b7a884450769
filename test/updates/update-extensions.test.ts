import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  Runtime,
  silentLogger,
  WithStartWorkflowOperation,
  type WorkflowClientInterceptor,
} from 'signalbox'
import { HistoryMismatchError, replayHistory } from 'signalbox/testing'
import { workflowMetadataQuery } from 'signalbox/workflow'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { bundleOf, Lab, numbers, openRuntime, temporaryFolder } from '../fixtures/lab.ts'
import { restsIn } from '../fixtures/rests-in.ts'
import { account, deposit, finish, gated, open, total, trace } from '../fixtures/updates.ts'

const code = 'updates.ts'
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

describe('with a codec that encrypts', () => {
  test('arguments and outcomes of updates rest encrypted, and come out decrypted', async () => {
    const lab = await Lab.create()
    const options = { code, dataConverter: { payloadCodecs: [new EncryptionCodec()] } }
    const { client } = await lab.open(options)
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    const accepted = await handle.startUpdate(gated, {
      args: ['PLAIN-argument'],
      updateId: 'u',
      waitForStage: 'ACCEPTED',
    })
    await handle.signal(open)
    expect(await accepted.result()).toBe('PLAIN-argument through')
    await expect(handle.executeUpdate(deposit, { args: [-5] })).rejects.toMatchObject({
      cause: { message: 'refused -5' },
    })
    const startWorkflowOperation = new WithStartWorkflowOperation(account, {
      workflowId: 'new',
      workflowIdConflictPolicy: 'FAIL',
    })
    expect(
      await client.workflow
        .executeUpdateWithStart(gated.name, {
          args: ['PLAIN-argument'],
          startWorkflowOperation,
          timeout: 1,
        })
        .catch((error: { code: string }) => error.code),
    ).toBe('SIGNALBOX_ERR_UPDATE_TIMEOUT')
    const again = await lab.reopen(options)
    const after = again.client.workflow.getHandle<typeof account>('w')
    expect(await after.getUpdateHandle('u').result()).toBe('PLAIN-argument through')
    expect(await after.query(trace)).toEqual(['gated PLAIN-argument', 'through PLAIN-argument'])
    await lab.close()
    expect(await restsIn(lab.dataDir, 'PLAIN-argument')).toBe(false)
  })
})

describe('interceptors', () => {
  test('of workflows see an update before its validator and around its handler', async () => {
    const runtime = await Runtime.open({
      dataDir: path.join(await temporaryFolder(), 'data'),
      workflowsPath: fixture(code),
      interceptors: { workflowModules: [fixture('update-interceptors.ts')] },
      slots: 1,
      logger: silentLogger,
    })
    onTestFinished(() => runtime.close())
    const handle = await runtime.client.workflow.start(account, { workflowId: 'w' })
    expect(await handle.executeUpdate(deposit, { args: [2] })).toBe(21)
    await expect(
      runtime.service.updateWorkflow({
        workflowId: 'w',
        updateName: 'deposit',
        args: ['1'],
        headers: { refuse: 'true' },
      }),
    ).resolves.toMatchObject({ outcome: { failure: { message: 'refused by an interceptor' } } })
    expect(await handle.query(total)).toBe(20)
    expect(
      (await handle.query(workflowMetadataQuery)).definition?.updateDefinitions,
    ).toContainEqual({ name: 'deposit' })
  })

  test('of clients stand around updates, and keep their order', async () => {
    const seen: string[] = []
    const interceptor: WorkflowClientInterceptor = {
      startUpdate: async (input, next) => {
        const [given] = input.args as [number]
        // The earlier a call is made, the longer it takes.
        await new Promise((resolve) => setTimeout(resolve, 20 - given))
        const output = await next({ ...input, args: [given + 100] })
        seen.push(`${input.updateName} ${output.outcome === undefined ? 'open' : 'done'}`)
        return output
      },
      startUpdateWithStart: async (input, next) => {
        seen.push(`${input.workflowType} ${input.updateName}`)
        return next({ ...input, updateArgs: [7] })
      },
    }
    const { client } = await openRuntime({ code, interceptors: { client: [interceptor] } })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    await Promise.all(numbers(10).map((n) => handle.executeUpdate(deposit, { args: [n] })))
    expect(await handle.query(trace)).toEqual(numbers(10, 100).map((n) => `deposit ${n}`))
    const startWorkflowOperation = new WithStartWorkflowOperation(account, {
      workflowId: 'new',
      workflowIdConflictPolicy: 'FAIL',
    })
    expect(
      await client.workflow.executeUpdateWithStart(deposit, { args: [1], startWorkflowOperation }),
    ).toBe(7)
    expect(seen).toEqual([...numbers(10).map(() => 'deposit done'), 'account deposit'])
  })
})

describe('replayHistory', () => {
  test('does updates again, and finds one that is missing', async () => {
    const { client } = await openRuntime({ code })
    const handle = await client.workflow.start(account, { workflowId: 'w' })
    await handle.executeUpdate(deposit, { args: [5] })
    await handle.executeUpdate(deposit, { args: [-5] }).catch(() => undefined)
    await handle.startUpdate(gated, { args: ['a'], waitForStage: 'ACCEPTED' })
    await handle.signal(open)
    await handle.signal(finish)
    await handle.result()
    const history = await handle.fetchHistory()
    const bundle = await bundleOf(code)
    await replayHistory(bundle, history)
    const events = history.events.map((event) => {
      const attributes = event['workflowExecutionUpdateCompletedEventAttributes'] as
        { readonly meta: object } | undefined
      return attributes === undefined
        ? event
        : {
            ...event,
            workflowExecutionUpdateCompletedEventAttributes: {
              ...attributes,
              meta: { updateId: 'another' },
            },
          }
    })
    await expect(replayHistory(bundle, { events })).rejects.toThrow(HistoryMismatchError)
  })
})

test('kill -9 again and again: an outcome that was told stays, and nothing is done twice', async () => {
  const lab = await Lab.create()
  const told = new Map<string, { at: number; name: string; amount: number; outcome: string }>()
  for (const round of numbers(4)) {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fixture('update-process.ts'), lab.dataDir, String(round * 100_000)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const goal = told.size + 40 + round * 17
    for await (const line of createInterface(child.stdout)) {
      if (line === 'ready' || !line.endsWith('}')) continue
      const { updateId, ...rest } = JSON.parse(line)
      told.set(updateId, rest)
      if (told.size >= goal && child.exitCode === null) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    expect(child.signalCode).toBe('SIGKILL')
  }
  const { client } = await lab.open({
    code,
    activities: { record: (what: string) => `recorded ${what}` },
  })
  for (const [updateId, { at, outcome }] of told) {
    const again = await client.workflow
      .getHandle(`w${at}`)
      .getUpdateHandle(updateId)
      .result()
      .then(String, (error: { readonly cause: Error }) => error.cause.message)
    expect(again, updateId).toBe(outcome)
  }
  for (const at of numbers(3)) {
    const handle = client.workflow.getHandle<typeof account>(`w${at}`)
    const deposits = (await handle.query(trace)).filter((line) => line === 'deposit 1').length
    const known = [...told.values()].filter((one) => one.at === at && one.amount === 1)
    expect(deposits).toBeGreaterThanOrEqual(known.filter(({ name }) => name === 'deposit').length)
    const { events } = await handle.fetchHistory()
    const ids = events
      .map((event) => event['workflowExecutionUpdateAcceptedEventAttributes'])
      .filter((attributes) => attributes !== undefined)
      .map((attributes) => (attributes as { protocolInstanceId: string }).protocolInstanceId)
    expect(new Set(ids).size).toBe(ids.length)
    expect((await handle.describe()).parked).toBeUndefined()
  }
}, 60_000)
