import { expect, it } from 'vitest'
import { IllegalStateError } from '../../../actors/failures.ts'
import * as api from '../../../actors/workflow/index.ts'

it('host code may import definitions, types and failures of workflow files', () => {
  expect(api.defineSignal<[number]>('add')).toEqual({ type: 'signal', name: 'add' })
  expect(api.defineQuery<number>('total')).toEqual({ type: 'query', name: 'total' })
  expect(api.inWorkflowContext()).toBe(false)
  expect(api.uuid4()).toMatch(/^[0-9a-f-]{36}$/)
  expect(api.ApplicationFailure.create({ message: 'x' }).message).toBe('x')
  // Workflow files make their proxies at the top.
  const { greet } = api.proxyActivities<{ greet(): Promise<void> }>({ startToCloseTimeout: 1 })
  expect(() => greet()).toThrow(IllegalStateError)
})

it.each<[string, () => unknown]>([
  ['sleep', () => api.sleep(1)],
  ['setHandler', () => api.setHandler(api.defineSignal('x'), () => {})],
  ['setDefaultSignalHandler', () => api.setDefaultSignalHandler(undefined)],
  ['workflowInfo', () => api.workflowInfo()],
  ['continueAsNew', () => api.continueAsNew()],
  ['CancellationScope', () => new api.CancellationScope()],
  ['Trigger', () => new api.Trigger()],
  ['getSignalChannel', () => api.getSignalChannel('x')],
  ['getUnhandledSignalNames', () => api.getUnhandledSignalNames()],
  ['log', () => api.log.info('x')],
  ['getExternalWorkflowHandle', () => api.getExternalWorkflowHandle('x')],
  ['patched', () => api.patched('x')],
  ['deprecatePatch', () => api.deprecatePatch('x')],
  ['upsertMemo', () => api.upsertMemo({})],
  ['upsertSearchAttributes', () => api.upsertSearchAttributes({})],
  ['allHandlersFinished', () => api.allHandlersFinished()],
])('host code that calls %s is told that it is no workflow', (_, call) => {
  expect(call).toThrow(IllegalStateError)
})

it('children of host code reject', async () => {
  await expect(api.startChild('x')).rejects.toThrow(IllegalStateError)
  await expect(api.executeChild('x')).rejects.toThrow(IllegalStateError)
})

it('conditions of host code reject', async () => {
  await expect(api.condition(() => true)).rejects.toThrow(IllegalStateError)
})

it.each<[string, () => unknown]>([
  ['metricMeter.createCounter', () => api.metricMeter['createCounter']],
])('what is not built yet throws by its name: %s', (name, use) => {
  expect(use).toThrow(`${name} is not part of this version of signalbox`)
})
