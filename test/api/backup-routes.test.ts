import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Runtime } from 'signalbox'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../fixtures/lab.ts'
import { base, openApiServer, workflowsPath } from './fixtures/api-server.ts'

const token = (name: string) => `${name}-${'x'.repeat(20)}`
const rule = (name: string, namespaces?: readonly string[]) => ({
  name,
  hash: `sha256:${createHash('sha256').update(token(name)).digest('hex')}`,
  scopes: ['admin' as const],
  ...(namespaces === undefined ? {} : { namespaces }),
})

test('POST /api/v1/backups copies the data into the folder of the server, for who may', async () => {
  const backupDir = join(await temporaryFolder(), 'backups')
  const tokens = [rule('all'), rule('one', ['default'])]
  const api = await openApiServer({ backupDir, tokens })
  onTestFinished(() => api.close())
  const as = (name: string) => ({ authorization: `Bearer ${token(name)}` })
  const started = await api.post(
    `${base}/workflows/w`,
    { workflowType: { name: 'collector' }, input: ['first'] },
    as('all'),
  )
  expect(started.status).toBe(200)
  const backup = (body: object, name = 'all') => api.post('/api/v1/backups', body, as(name))

  expect(await backup({ name: 'a' }, 'one')).toMatchObject({ status: 403 })
  for (const name of ['../a', 'a/b', '', '.hidden', 'x'.repeat(101), 'a b']) {
    expect(await backup({ name }), name).toMatchObject({ status: 400 })
  }
  const answers = await Promise.all([backup({ name: 'monday' }), backup({ name: 'other' })])
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0)
  for (const status of statuses) expect([200, 429]).toContain(status)
  expect(await backup({ name: 'tuesday', compact: true })).toMatchObject({
    status: 200,
    json: { name: 'tuesday', bytes: expect.stringMatching(/^\d+$/) },
  })
  const again = await backup({ name: 'tuesday' })
  expect(again).toMatchObject({ status: 400, text: expect.stringContaining('is there already') })
  const unnamed = await backup({})
  expect(unnamed).toMatchObject({ status: 200 })
  const { name } = unnamed.json as { name: string }
  expect(await readdir(backupDir)).toEqual(expect.arrayContaining(['tuesday', name]))

  const copy = await Runtime.open({ dataDir: join(backupDir, name), workflowsPath, slots: 1 })
  expect(await copy.client.workflow.getHandle('w').query('items')).toEqual(['first'])
  await copy.close()
})

test('without a folder for them there are no backups', async () => {
  const api = await openApiServer()
  onTestFinished(() => api.close())
  expect(await api.post('/api/v1/backups', {})).toMatchObject({ status: 404 })
})
