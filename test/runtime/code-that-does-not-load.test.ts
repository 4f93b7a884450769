import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Logger, Runtime, type SignalboxError } from 'signalbox'
import { replayHistory } from 'signalbox/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { loadActivities } from '../../api/activities-module.ts'
import { temporaryFolder } from '../fixtures/lab.ts'

let folder: string
let lines: string[]
let logger: Logger
beforeEach(async () => {
  folder = await temporaryFolder()
  const said: string[] = []
  const note = (_fields: object, message: string): void => void said.push(message)
  lines = said
  logger = { debug: note, info: note, warn: note, error: note }
})

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

/** Open with this code, which must fail, and say why it did. */
async function refusal(code: { workflows?: string; activities?: string }): Promise<SignalboxError> {
  const sound = 'export async function sound(): Promise<void> {}\n'
  const workflowsPath = await write('workflows.ts', code.workflows ?? sound)
  const opened = await Runtime.open({
    dataDir: join(folder, 'data'),
    workflowsPath,
    ...(code.activities === undefined ? {} : { activities: code.activities }),
    slots: 2,
    logger,
  }).catch((error: unknown) => error as SignalboxError)
  if (opened instanceof Runtime) {
    await opened.close()
    throw new Error('It was opened')
  }
  return opened
}

describe('workflow code that throws when it is loaded', () => {
  test('is told once, with the place in the message, the fields and the stack', async () => {
    const workflows = `interface Settings { readonly key: string }

const settings = { key: process.env['KEY'] ?? '' } satisfies Settings
export async function keyed(): Promise<string> { return settings.key }
`
    const { code, message, fields, cause } = await refusal({ workflows })
    const file = join(folder, 'workflows.ts')
    expect(code).toBe('SIGNALBOX_ERR_BUNDLE_FAILED')
    expect(message).toBe(
      `${file}:3:25: The workflow code throws when it is loaded: process is not defined. Workflow ` +
        'code has no access to Node: give it values as arguments, or do it in an activity.',
    )
    expect(fields).toEqual({ file, line: 3, column: 25 })
    expect(cause).toMatchObject({
      name: 'ReferenceError',
      stack: expect.stringMatching(`^ReferenceError: process is not defined\n.*${file}:3:25`),
    })
    expect(lines).toEqual([])
  })

  test('is told so by a replay, too', async () => {
    const file = await write('top.ts', "\nthrow new TypeError('at the top')\nexport {}\n")
    await expect(replayHistory(file, { events: [] })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_BUNDLE_FAILED',
      message: `${file}:2:7: The workflow code throws when it is loaded: at the top`,
      fields: { file, line: 2, column: 7 },
    })
  })

  test('is told with the place in the user’s own file, if a package throws for it', async () => {
    const inside = join(folder, 'node_modules', 'picky')
    await mkdir(inside, { recursive: true })
    await writeFile(join(inside, 'package.json'), '{ "name": "picky", "main": "main.js" }')
    await writeFile(join(inside, 'main.js'), "exports.need = () => { throw new Error('no') }")
    const workflows = "import { need } from 'picky'\n\nneed()\nexport {}\n"
    const { fields } = await refusal({ workflows })
    expect(fields).toEqual({ file: join(folder, 'workflows.ts'), line: 3, column: 1 })
  })

  test('may throw anything', async () => {
    const { message, fields } = await refusal({ workflows: "throw 'a text'\nexport {}" })
    expect(message).toBe('The workflow code throws when it is loaded: a text')
    expect(fields).toEqual({})
    expect(lines).toEqual([])
  })
})

describe('a file without workflows', () => {
  test.each([
    ['nothing at all', 'export {}\n'],
    ['no function', 'export const x = 1\n'],
    ['a default export that is no function', 'export default { x: 1 }\n'],
  ])('is refused: %s', async (_name, workflows) => {
    const { code, message, fields } = await refusal({ workflows })
    const file = join(folder, 'workflows.ts')
    expect(code).toBe('SIGNALBOX_ERR_BUNDLE_FAILED')
    expect(message).toBe(`${file} exports no workflow functions`)
    expect(fields).toEqual({ file })
    expect(lines).toEqual([])
  })

  test('has one if its default export is a function', async () => {
    const workflows = 'export default async function any(): Promise<void> {}\n'
    await expect(refusal({ workflows })).rejects.toThrow('It was opened')
  })
})

describe('a file of activities that cannot be loaded', () => {
  test.each([
    ['throws.ts', "type N = 1\n\nthrow new Error('no key')\n", '3:7: no key'],
    ['throws.mjs', "\nthrow new Error('no key')\n", '2:7: no key'],
    ['syntax.mjs', 'export const a = 1\nexport const b = = 2\n', '2:18: Unexpected "="'],
    ['syntax.ts', 'export const b = = 2\n', '1:18: Unexpected "="'],
    [
      'package.ts',
      "\nimport 'not-installed'\n",
      '2:8: There is no package "not-installed" to import: install it, or mend the name.',
    ],
    [
      'package.mjs',
      "import 'not-installed'\n",
      '1:8: There is no package "not-installed" to import: install it, or mend the name.',
    ],
  ])('is told with the place: %s', async (name, text, problem) => {
    const activities = await write(name, text)
    const { code, message, fields } = await refusal({ activities })
    expect(code).toBe('SIGNALBOX_ERR_INVALID_OPTION')
    expect(message).toBe(`activities file ${activities} cannot be used: ${activities}:${problem}`)
    const [line, column] = problem.split(':').map(Number)
    expect(fields).toMatchObject({ option: 'activities', file: activities, line, column })
    expect(lines).toEqual([])
  })

  test('is told by its absolute path if it is not there', async () => {
    const activities = join(folder, 'nowhere.ts')
    const { code, message, fields } = await refusal({ activities: relative('', activities) })
    expect(code).toBe('SIGNALBOX_ERR_INVALID_OPTION')
    expect(message).toBe(`There is no activities file ${activities}`)
    expect(fields).toEqual({ option: 'activities', file: activities })
    expect(lines).toEqual([])
  })

  test('is told so on the thread of the host, too', async () => {
    const activities = await write('host.ts', "\nimport 'not-installed'\n")
    await expect(loadActivities(activities)).rejects.toMatchObject({
      message: expect.stringContaining(`cannot be loaded: ${activities}:2:8: There is no package`),
      fields: { option: 'activities', file: activities, line: 2, column: 8 },
    })
  })

  test('has the stack of what it threw as its cause', async () => {
    const activities = await write('deep.mjs', "const f = () => { throw new Error('x') }\nf()\n")
    const { cause } = await refusal({ activities })
    expect(cause).toMatchObject({ stack: expect.stringContaining(`${activities}:2:1`) })
  })

  test('fails the open if it ends its thread', async () => {
    const activities = await write('exits.mjs', 'process.exit(3)\n')
    const { message } = await refusal({ activities })
    expect(message).toContain('its thread died: ')
    expect(lines).toEqual([])
  })
})
