import { fileURLToPath } from 'node:url'
import { silentLogger } from 'signalbox'
import { replayHistory, ReplayError, TestWorkflowEnvironment } from 'signalbox/testing'
import { expect, it, onTestFinished } from 'vitest'
import { Money } from '../fixtures/converters/money.ts'
import { close, pay, till, total } from '../fixtures/converters/workflows.ts'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/converters/${name}`, import.meta.url))
const paths = {
  payloadConverterPath: file('money-converter.ts'),
  failureConverterPath: file('money-converter.ts'),
}
const dataConverter = { ...paths, payloadCodecs: [new EncryptionCodec()] }

it('a test environment and a replay convert and decode as a runtime does', async () => {
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    workflowsPath: file('workflows.ts'),
    logger: silentLogger,
    activities: { double: (value: Money) => Promise.resolve(value.plus(value)) },
    dataConverter,
  })
  onTestFinished(() => env.teardown())
  const handle = await env.client.workflow.start(till, {
    workflowId: 'till',
    args: [new Money(100n)],
  })
  await handle.signal(pay, new Money(23n))
  expect((await handle.query(total)).cents).toBe(123n)
  await handle.signal(close, 'end')
  expect((await handle.result()).cents).toBe(246n)
  const history = await handle.fetchHistory()

  await replayHistory(file('workflows.ts'), history, { dataConverter })
  // Encrypted payloads cannot be converted.
  await expect(
    replayHistory(file('workflows.ts'), history, { dataConverter: paths }),
  ).rejects.toBeInstanceOf(ReplayError)
})
