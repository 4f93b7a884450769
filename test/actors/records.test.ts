import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { decodeInputs, encodeInputs } from '../../actors/records.ts'

const id = fc.string({ minLength: 1, maxLength: 20 })
const payload = fc.record({ metadata: fc.constant({ encoding: 'json/plain' }), data: id })
const always = {
  namespace: id,
  workflowId: id,
  runId: id,
  workflowType: id,
  taskQueue: id,
  args: fc.array(payload, { maxLength: 2 }),
  firstExecutionRunId: id,
  attempt: fc.nat(),
  taskTimeoutMs: fc.nat(),
}
const sometimes = {
  identity: id,
  requestId: id,
  runTimeoutMs: fc.nat(),
  memo: fc.dictionary(id, payload, { maxKeys: 2 }),
  parent: fc.record({ namespace: id, workflowId: id, runId: id }),
  initiator: fc.constantFrom('WORKFLOW', 'RETRY', 'CRON_SCHEDULE'),
}
const started = fc
  .tuple(
    fc.nat(),
    fc.record({ ...always, ...sometimes }, { requiredKeys: Object.keys(always) as never[] }),
    fc.boolean(),
  )
  .map(([time, attributes, isFirst]): unknown => [
    InputKind.started,
    time,
    isFirst ? { ...attributes, firstExecutionRunId: attributes.runId } : attributes,
  ])
const signaled = fc.tuple(fc.constant(InputKind.signaled), fc.nat(), id, fc.array(payload))
const records = fc
  .tuple(fc.option(started), fc.array(signaled, { maxLength: 3 }))
  .map(([start, signals]) => (start === null ? signals : [start, ...signals]) as unknown as Input[])

test('a record gives back the inputs that went into it', () => {
  fc.assert(
    fc.property(records, (inputs) => {
      expect(decodeInputs(encodeInputs(inputs))).toEqual(inputs)
    }),
  )
})

test('a start in a folder of format 2 or 3, by names, is read as it was', () => {
  const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true })
  fc.assert(
    fc.property(records, (inputs) => {
      expect(decodeInputs(packr.pack(inputs))).toEqual(inputs)
    }),
  )
})

test('a start does not spell the names of what every run has', () => {
  const attributes = {
    namespace: 'n',
    workflowId: 'w',
    runId: 'r',
    workflowType: 't',
    taskQueue: 'q',
    args: [],
    firstExecutionRunId: 'r',
    attempt: 1,
    taskTimeoutMs: 10_000,
  }
  const bytes = encodeInputs([[InputKind.started, 1, attributes]])
  expect(Buffer.from(bytes).toString('latin1')).not.toContain('workflow')
})
