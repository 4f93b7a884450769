import { describe, expect, test } from 'vitest'
import type { Command } from '../../actors/commands.ts'
import { type Input, InputKind, type StartedAttributes } from '../../actors/inputs.ts'
import type { Payload } from '../../actors/payload.ts'
import { fromProtoPayload, toProtoPayload } from '../../actors/proto-payload.ts'
import { rewriteInputs, rewritePayloads } from '../../actors/rewrite-payloads.ts'

const hidden = (payload: Payload): Payload => ({
  metadata: { encoding: new TextEncoder().encode('hidden') },
  data: new TextEncoder().encode(JSON.stringify([payload]).replaceAll(/[a-z]/g, '*')),
})
const hide = (payloads: readonly Payload[]): Payload[] => payloads.map(hidden)
const text = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) =>
    field instanceof Uint8Array ? new TextDecoder().decode(field) : field,
  )

const started: StartedAttributes = {
  namespace: 'default',
  workflowId: 'id',
  runId: 'run',
  workflowType: 'type',
  taskQueue: 'queue',
  firstExecutionRunId: 'run',
  attempt: 1,
  taskTimeoutMs: 1,
  args: ['"secret"', null],
  memo: { key: '"secret"' },
  userMetadata: { summary: '"secret"' },
  headers: { trace: '"open"' },
  searchAttributes: { Kind: '"open"' },
}
const failure = {
  message: 'open',
  applicationFailureInfo: { type: 'Open', details: ['"secret"'] },
  cause: { message: 'open', encodedAttributes: '"secret"' },
}

describe('payloads are found', () => {
  const inputs: Input[] = [
    [InputKind.started, 1, started],
    [InputKind.signaled, 1, 'name', ['"secret"'], { headers: { trace: '"open"' } }],
    [InputKind.signaled, 1, 'name', []],
    [InputKind.activityResolved, 1, 1, { status: 'completed', result: '"secret"', attempt: 1 }],
    [InputKind.activityResolved, 1, 1, { status: 'failed', failure, attempt: 1 }],
    [InputKind.timerFired, 1, 1],
    [InputKind.terminated, 1, { reason: 'open', details: ['"secret"'] }],
  ]
  test.each(inputs.map((input) => [input[0], input] as const))(
    'in inputs of kind %i',
    (_, input) => {
      const [rewritten] = rewriteInputs([input], hide)
      expect(text(rewritten)).not.toContain('secret')
      // Everything else is as it was, and nothing was changed in place.
      let back = 0
      const originals: (readonly Payload[])[] = []
      rewriteInputs([input], (payloads) => {
        originals.push(payloads)
        return payloads
      })
      const [restored] = rewriteInputs([rewritten as Input], () => originals[back++] ?? [])
      expect(restored).toEqual(input)
    },
  )

  const commands: Command[] = [
    {
      kind: 'scheduleActivity',
      seq: 1,
      activityId: '1',
      activityType: 'open',
      args: ['"secret"', new TextEncoder().encode('secret')],
      retryPolicy: {
        initialIntervalMs: 1,
        backoffCoefficient: 1,
        maximumIntervalMs: 1,
        maximumAttempts: 1,
        nonRetryableErrorTypes: ['open'],
      },
      cancellationType: 'ABANDON',
      summary: 'secret',
    },
    { kind: 'startTimer', seq: 1, delayMs: 1, summary: 'secret' },
    { kind: 'completeWorkflow', result: '"secret"' },
    { kind: 'failWorkflow', failure },
    { kind: 'cancelWorkflow', details: ['"secret"'] },
  ]
  test.each(commands.map((command) => [command.kind, command] as const))('in %s', (_, command) => {
    const rewritten = rewritePayloads(command, hide)
    expect(text(rewritten)).not.toContain('secret')
    expect(rewritten.kind).toBe(command.kind)
  })

  test('and left alone where nobody’s secret is: headers, search attributes, null in a map', () => {
    const rewritten = rewritePayloads({ ...started, memo: { gone: null } }, hide)
    expect(rewritten.headers).toEqual(started.headers)
    expect(rewritten.searchAttributes).toEqual(started.searchAttributes)
    expect(rewritten.memo).toEqual({ gone: null })
  })

  test('a summary is a text again when it comes back', () => {
    const command = { kind: 'startTimer', seq: 1, delayMs: 1, summary: 'é' } as const
    const encoded = rewritePayloads<Command>(command, (payloads) =>
      payloads.map((payload) => ({
        metadata: { encoding: new TextEncoder().encode('x') },
        data: new TextEncoder().encode(payload as string),
      })),
    )
    const decoded = rewritePayloads(encoded, (payloads) =>
      payloads.map((payload) =>
        new TextDecoder().decode((payload as { readonly data: Uint8Array }).data),
      ),
    )
    expect(decoded).toEqual(command)
  })
})

test.each([
  '"text"',
  '{"a":[1,2]}',
  null,
  new Uint8Array([0, 255]),
  { metadata: { encoding: new TextEncoder().encode('own') }, data: new Uint8Array([1]) },
  {
    metadata: { encoding: new TextEncoder().encode('json/plain'), more: new Uint8Array([1]) },
    data: new Uint8Array([1]),
  },
  // No UTF-8, whatever it says of itself.
  { metadata: { encoding: new TextEncoder().encode('json/plain') }, data: new Uint8Array([255]) },
])('%j is the same after a way through the message', (payload: Payload) => {
  expect(fromProtoPayload(toProtoPayload(payload))).toEqual(payload)
})

test('what is no message is refused', () => {
  for (const wrong of [
    undefined,
    null,
    'x',
    { metadata: { encoding: 'text' } },
    { data: 'text' },
  ]) {
    expect(() => fromProtoPayload(wrong as never)).toThrow(TypeError)
  }
})
