import { expect, onTestFinished, test, vi } from 'vitest'
import type { ApiClient } from '../../api/cli/api-client.ts'
import { Printer } from '../../api/cli/printer.ts'
import { printResult } from '../../api/cli/workflow-result.ts'

const running = 'WORKFLOW_EXECUTION_STATUS_RUNNING'
const stuck = { status: running, signalbox: { quarantined: { reason: 'its worker died' } } }
const parked = {
  status: running,
  signalbox: { parked: { reason: 'Error: no', stack: 'Error: no\n    at w (/app/w.ts:1:1)' } },
}
const done = { status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED' }

/** What is written on stderr while a result is waited for, and how long each request waits. */
async function wait(...answers: readonly object[]): Promise<{ told: string[]; waits: unknown[] }> {
  const told: string[] = []
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told.push(String(text))
    return true
  })
  onTestFinished(() => spy.mockRestore())
  const waits: unknown[] = []
  const left = [...answers, done]
  const get = async (_path: string, query?: { readonly timeout?: unknown }): Promise<unknown> => {
    waits.push(query?.timeout)
    return { text: '{}', value: left.shift() }
  }
  const client = { get } as unknown as ApiClient
  await printResult(client, new Printer('none'), 'w', undefined)
  return { told, waits }
}

test('whoever waits is told that a run is quarantined, and again if that happens again', async () => {
  const { told } = await wait(stuck, stuck, { status: running }, stuck, parked)
  expect(told).toEqual([
    expect.stringMatching(/^workflow w is quarantined, .* its worker died\n.*release.*terminate/),
    expect.stringMatching(/^workflow w is quarantined/),
    expect.stringMatching(/^workflow w is parked: Error: no\n {4}at w \(\/app\/w\.ts:1:1\)\n/),
  ])
})

test('what goes on is waited for in silence, and longer with each request', async () => {
  const { told, waits } = await wait(...Array.from({ length: 5 }, () => ({ status: running })))
  expect(told).toEqual([])
  expect(waits).toEqual(['2s', '4s', '8s', '16s', '30s', '30s'])
})
