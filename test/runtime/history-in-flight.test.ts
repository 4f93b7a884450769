import { expect, test } from 'vitest'
import { RecordKind } from '../../runtime/journal.ts'
import { openGatedEngine } from '../fixtures/engine-lab.ts'
import { eventually } from '../fixtures/eventually.ts'
import { charge, charger } from '../fixtures/workflows.ts'

test('a turn is in the history together with its commands, not before they are on disk', async () => {
  const { client, gate } = await openGatedEngine()
  const handle = await client.start(charger, { workflowId: 'w' })
  const types = async (): Promise<string[]> => {
    const { events } = await handle.fetchHistory()
    return events.map(({ eventType }) => eventType.replace('EVENT_TYPE_', ''))
  }
  const tasks = async (): Promise<number> =>
    (await types()).filter((type) => type === 'WORKFLOW_TASK_COMPLETED').length
  await eventually('its first turn has ended', async () => (await tasks()) === 1)
  gate.holdWhen(({ records }) => records.some(({ kind }) => kind === RecordKind.commands))
  await handle.signal({ signal: charge, waitFor: 'processed' }, 'x')
  await eventually('the commands are on their way', () => gate.waiting > 0)
  expect(await tasks()).toBe(1)
  expect((await types()).at(-1)).toBe('WORKFLOW_EXECUTION_SIGNALED')
  gate.release()
  await eventually('they are on disk', async () => (await tasks()) === 2)
  expect((await types()).slice(-2)).toEqual(['WORKFLOW_TASK_COMPLETED', 'ACTIVITY_TASK_SCHEDULED'])
})
