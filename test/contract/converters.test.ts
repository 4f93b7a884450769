import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, Runtime, silentLogger, type WorkflowFailedError } from 'signalbox'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Money } from '../fixtures/converters/money.ts'
import { close, pay, till, total } from '../fixtures/converters/workflows.ts'
import { EncryptionCodec } from '../fixtures/encryption-codec.ts'
import { restsIn } from '../fixtures/rests-in.ts'
import { temporaryFolder } from '../fixtures/lab.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/converters/${name}`, import.meta.url))
const converterPath = file('money-converter.ts')
const dataConverter = { payloadConverterPath: converterPath, failureConverterPath: converterPath }

async function open(dataDir: string, payloadCodecs: EncryptionCodec[] = []): Promise<Runtime> {
  const runtime = await Runtime.open({
    dataDir,
    workflowsPath: file('workflows.ts'),
    slots: 1,
    logger: silentLogger,
    activities: {
      double: (value: Money) => Promise.resolve(value.plus(value)),
      fail: () => Promise.reject(new Error('SECRET', { cause: new RangeError('too far') })),
    },
    dataConverter: { ...dataConverter, payloadCodecs },
  })
  onTestFinished(() => runtime.close())
  return runtime
}

describe('a payload converter of one’s own', () => {
  test('converts arguments, signals, answers and results, in workflows and on the host', async () => {
    const dataDir = await temporaryFolder()
    const runtime = await open(dataDir)
    const handle = await runtime.client.workflow.start(till, {
      workflowId: 'w',
      args: [new Money(100n)],
    })
    await handle.signal(pay, new Money(23n))
    expect((await handle.query(total)).cents).toBe(123n)
    await runtime.close()
    // Rebuilt from the journal, the workflow has the same.
    const again = (await open(dataDir)).client.workflow.getHandle<typeof till>('w')
    expect((await again.query(total)).cents).toBe(123n)
    await again.signal(close, 'end')
    expect((await again.result()).cents).toBe(246n)
    const [started] = (await again.fetchHistory()).events
    expect(JSON.stringify(started)).toContain(Buffer.from('text/money').toString('base64'))
  })

  test('a bundle and a runtime that do not have the same are refused', async () => {
    const workflowBundle = await bundleWorkflowCode({ workflowsPath: file('workflows.ts') })
    const dataDir = await temporaryFolder()
    const failed = { code: 'SIGNALBOX_ERR_BUNDLE_FAILED' }
    await expect(Runtime.open({ dataDir, workflowBundle, dataConverter })).rejects.toMatchObject(
      failed,
    )
    const with_ = await bundleWorkflowCode({
      workflowsPath: file('workflows.ts'),
      ...dataConverter,
    })
    await expect(Runtime.open({ dataDir, workflowBundle: with_ })).rejects.toMatchObject(failed)
  })

  test('a file without the export is refused by name', async () => {
    const dataDir = await temporaryFolder()
    const opening = Runtime.open({
      dataDir,
      workflowsPath: file('workflows.ts'),
      dataConverter: { payloadConverterPath: file('money.ts') },
    })
    await expect(opening).rejects.toMatchObject({ code: 'SIGNALBOX_ERR_INVALID_OPTION' })
    await expect(opening).rejects.toThrow('does not have a `payloadConverter` named export')
  })
})

describe('a failure converter of one’s own', () => {
  test('makes the failures of workflows and activities, their causes included', async () => {
    const dataDir = await temporaryFolder()
    const { client } = await open(dataDir, [new EncryptionCodec()])
    const thrown = await client.workflow.start(till, { workflowId: 't', args: [new Money(1n)] })
    await thrown.signal(close, 'throw')
    const error = (await thrown.result().catch((cause: unknown) => cause)) as WorkflowFailedError
    expect(error.cause).toMatchObject({
      message: 'SECRET',
      type: 'Thrown',
      details: [{ cents: 1n }],
    })
    expect(error.cause?.stack).toContain('workflows.ts')
    // The engine's own frames say nothing to the author of the code.
    expect(error.cause?.stack).not.toMatch(/sandbox\.js|checkpoint/)
    const failed = await client.workflow.start(till, { workflowId: 'f', args: [new Money(1n)] })
    await failed.signal(close, 'fail')
    await expect(failed.result()).rejects.toMatchObject({
      cause: { cause: { message: 'SECRET', cause: { message: 'range: too far', type: 'Range' } } },
    })
    // With a codec, messages and stacks are encrypted as well.
    expect(await restsIn(dataDir, 'SECRET')).toBe(false)
    expect(JSON.stringify(await failed.fetchHistory())).toContain('Encoded failure')
  })
})
