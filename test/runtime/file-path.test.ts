import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Runtime, silentLogger } from 'signalbox'
import { expect, test } from 'vitest'
import { filePath } from '../../runtime/file-path.ts'
import { temporaryFolder } from '../fixtures/lab.ts'

test.each([
  ['workflows.ts', resolve('workflows.ts')],
  ['/srv/workflows.ts', '/srv/workflows.ts'],
  ['file:///srv/a%20b.ts', '/srv/a b.ts'],
  [new URL('file:///srv/a%20b.ts'), '/srv/a b.ts'],
])('%s is an absolute path', (given, path) => {
  expect(filePath(given)).toBe(path)
})

test('relative paths can be relative to another folder', () => {
  expect(filePath('a.ts', '/srv')).toBe('/srv/a.ts')
  expect(filePath('file:///else/a.ts', '/srv')).toBe('/else/a.ts')
})

test('all files of a runtime may be named by URLs that are text, as import.meta.resolve gives them', async () => {
  const folder = await temporaryFolder()
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text)
    return pathToFileURL(join(folder, name)).href
  }
  const runtime = await Runtime.open({
    dataDir: pathToFileURL(join(folder, 'data')).href,
    workflowsPath: await write(
      'workflows.ts',
      `import { proxyActivities } from 'signalbox/workflow'
const { shout } = proxyActivities({ startToCloseTimeout: '5s' })
export const shouted = (text: string): Promise<string> => shout(text)
`,
    ),
    activities: await write('activities.mjs', 'export const shout = (t) => t.toUpperCase()\n'),
    interceptors: {
      workflowModules: [await write('w.mjs', 'export const interceptors = () => ({})\n')],
      activityModules: [await write('a.mjs', 'export const interceptors = () => ({})\n')],
    },
    slots: 1,
    logger: silentLogger,
  })
  try {
    const shouting = { workflowId: 'w', args: ['here'] }
    expect(await runtime.client.workflow.execute('shouted', shouting)).toBe('HERE')
  } finally {
    await runtime.close()
  }
})
