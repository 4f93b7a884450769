import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSandbox } from '../../actors/sandbox.ts'
import type { WorkflowBundle } from '../../actors/turns.ts'
import { assertBundleVersion, bundleWorkflowCode } from '../../runtime/bundle.ts'
import { SignalboxError } from '../../runtime/errors.ts'
import { mapStack } from '../../runtime/source-map.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-bundle-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Write files and bundle the first. */
async function bundle(files: Readonly<Record<string, string>>): Promise<WorkflowBundle> {
  const [entry] = Object.keys(files)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return bundleWorkflowCode({ workflowsPath: join(folder, entry ?? '') })
}

async function refusal(files: Readonly<Record<string, string>>): Promise<SignalboxError> {
  const error: unknown = await bundle(files).catch((reason: unknown) => reason)
  if (!(error instanceof SignalboxError)) throw new Error(`Not refused: ${String(error)}`)
  expect(error.code).toBe('SIGNALBOX_ERR_BUNDLE_FAILED')
  return error
}

function sandboxOf(code: WorkflowBundle): ReturnType<typeof createSandbox> {
  return createSandbox({ bundle: code, log: () => {} })
}

describe('a bundle', () => {
  it('is plain data that runs again after it was stored', async () => {
    const code = await bundle({
      'plain.ts': `
        import { workflowInfo } from '@temporalio/workflow'
        import { helper } from './lib/helper'
        import type { Deep } from '@temporalio/activity'
        import type * as activities from './activities'
        export async function plain(): Promise<string> { return helper(workflowInfo().workflowId) }
        export const notAWorkflow = 1
        export type Unused = Deep | typeof activities
      `,
      'lib/helper.ts': 'export const helper = (text: string): string => `helped ${text}`',
      'activities.ts': "import { readFileSync } from 'node:fs'; export const read = readFileSync",
    })
    expect(code.version).toMatch(/^\d+\.\d+\.\d+/)
    const stored = JSON.parse(JSON.stringify(code)) as WorkflowBundle
    expect(stored).toEqual(code)
    expect(() => assertBundleVersion(stored)).not.toThrow()
    expect(() => assertBundleVersion({ ...stored, version: '0.0.0' })).toThrow(
      expect.objectContaining({ code: 'SIGNALBOX_ERR_BUNDLE_FAILED' }),
    )
    expect(sandboxOf(stored).workflowTypes).toEqual(['plain'])
  })

  it('may be JavaScript, CommonJS packages and JSON', async () => {
    const code = await bundle({
      'script.js': `
        import lib from 'cjs-lib'
        import * as wf from 'signalbox/workflow'
        import data from './data.json'
        export async function script() { return lib.twice(data.n) }
        export const named = async () => wf.uuid4()
      `,
      'data.json': '{ "n": 21 }',
      'node_modules/cjs-lib/package.json':
        '{ "name": "cjs-lib", "version": "1.0.0", "main": "main.js" }',
      'node_modules/cjs-lib/main.js':
        "const dev = process.env.NODE_ENV !== 'production'; exports.twice = (n) => (dev ? 0 : 2 * n)",
    })
    expect([...sandboxOf(code).workflowTypes].toSorted()).toEqual(['named', 'script'])
  })

  it('goes by the project’s tsconfig.json', async () => {
    const code = await bundle({
      'aliased/workflows.ts':
        "import { named } from '#shared/name'\nexport const aliased = async () => named",
      'aliased/tsconfig.json': '{ "compilerOptions": { "paths": { "#shared/*": ["./lib/*"] } } }',
      'aliased/lib/name.ts': "export const named: string = 'by an alias'",
    })
    expect(sandboxOf(code).workflowTypes).toEqual(['aliased'])
  })

  it('names what a syntax error is about', async () => {
    const error = await refusal({ 'syntax.ts': 'export const a = 1\nexport const b = = 2\n' })
    expect(error.message).toContain(`${join(folder, 'syntax.ts')}:2:18`)
    expect(error.fields).toMatchObject({ file: join(folder, 'syntax.ts'), line: 2 })
  })

  it('names an import that is nowhere', async () => {
    const error = await refusal({ 'lost.ts': "import './nowhere'\n" })
    expect(error.fields).toMatchObject({
      import: './nowhere',
      file: join(folder, 'lost.ts'),
      line: 1,
    })
  })

  it('names a package that is not installed, in words of its own', async () => {
    const error = await refusal({ 'package.ts': "\nimport axios from 'axios'\nexport { axios }" })
    expect(error.message).toBe(
      `${join(folder, 'package.ts')}:2:19: There is no package "axios" to import: install it, or mend the name.`,
    )
    expect(error.fields).toMatchObject({ import: 'axios', line: 2, column: 19 })
  })

  it('says what a package does not export', async () => {
    const error = await refusal({
      'unexported.ts': "import 'sealed/inside.js'\n",
      'node_modules/sealed/package.json': '{ "name": "sealed", "exports": { ".": "./main.js" } }',
      'node_modules/sealed/main.js': '',
    })
    expect(error.message).toMatch(
      /:1:8: There is no "sealed\/inside\.js" to import\. The path "\.\/inside\.js" is not exported by package "sealed"\.$/,
    )
  })

  it('cannot have a top-level await', async () => {
    const error = await refusal({ 'await.ts': '\nexport const now = await 1\n' })
    expect(error.message).toBe(
      `${join(folder, 'await.ts')}:2:20: Workflow files cannot use top-level await: their code is ` +
        'loaded in one go, anew for each run. Await inside of the workflow function.',
    )
  })

  it.each(['fs', 'node:fs', 'node:dns', 'net', 'fs/promises', 'process', 'node:test'])(
    'cannot have the Node module %s',
    async (name) => {
      const error = await refusal({
        'node.ts': `\nimport * as it from '${name}'\nexport const a = it`,
      })
      expect(error.message).toContain(`${join(folder, 'node.ts')}:2:21`)
      expect(error.message).toContain(`"${name}"`)
      expect(error.message).toContain('do it in an activity')
      expect(error.fields).toEqual({
        file: join(folder, 'node.ts'),
        line: 2,
        column: 21,
        import: name,
      })
    },
  )

  it('is told what there is instead of a Node module', async () => {
    const error = await refusal({ 'crypto.ts': "import 'node:crypto'" })
    expect(error.message).toContain('use uuid4()')
  })

  it('may import the URL classes', async () => {
    const code = await bundle({
      'url.ts':
        "import { URL } from 'node:url'\nexport const link = new URL('http://h/').href\nexport async function url() {}",
    })
    expect(sandboxOf(code).workflowTypes).toEqual(['url'])
  })

  it('cannot have a package that needs a Node module, and names it', async () => {
    const error = await refusal({
      'indirect.ts': "import { connect } from 'needs-net'\nexport const c = connect",
      'node_modules/needs-net/package.json': '{ "name": "needs-net", "main": "index.js" }',
      'node_modules/needs-net/index.js': "exports.connect = require('net').connect",
    })
    expect(error.message).toMatch(/A package that the workflow imports .*needs-net.* needs .*"net"/)
    expect(error.fields).toMatchObject({ import: 'net', line: 1 })
  })

  it.each(['@temporalio/activity', 'signalbox/activity', '@temporalio/client', 'signalbox'])(
    'cannot have code of the host: %s',
    async (name) => {
      const error = await refusal({ 'host.ts': `import { x } from '${name}'\nexport const y = x` })
      expect(error.message).toContain('import type')
      expect(error.fields).toMatchObject({ import: name })
    },
  )

  it('names a file that is not there', async () => {
    const path = join(folder, 'missing.ts')
    await expect(bundleWorkflowCode({ workflowsPath: path })).rejects.toMatchObject({
      code: 'SIGNALBOX_ERR_BUNDLE_FAILED',
      fields: { file: path },
    })
  })

  it('whose top level throws is refused by the sandbox, with the place', async () => {
    const code = await bundle({ 'top.ts': "\n\nthrow new Error('at the top')\nexport {}\n" })
    let error: Error | undefined
    try {
      sandboxOf(code)
    } catch (reason) {
      error = reason as Error
    }
    expect(error?.message).toBe('at the top')
    expect(mapStack(error?.stack ?? '', code)).toContain(`${join(folder, 'top.ts')}:3:7`)
  })
})

describe('the stack of a workflow error', () => {
  it('names the files and lines of the user', async () => {
    const code = await bundle({
      'failing.ts': `import { fail } from './deep/fail'
interface Ignored { readonly lines: string }

export async function failing(): Promise<void> {
  await Promise.resolve()
  fail({ lines: '' } satisfies Ignored)
}`,
      'deep/fail.ts': `export function fail(_: unknown): never {
  throw new TypeError('found me')
}`,
    })
    const outcome = sandboxOf(code).activate(1, {
      firstSeq: 1,
      inputs: [
        [
          1,
          0,
          {
            namespace: 'default',
            workflowId: 'w',
            runId: 'r',
            workflowType: 'failing',
            taskQueue: 'q',
            args: [],
            firstExecutionRunId: 'r',
            attempt: 1,
            taskTimeoutMs: 1,
          },
        ],
      ],
      time: 0,
      replaying: false,
      historyLength: 0,
      historySize: 0,
      continueAsNewSuggested: false,
    })
    const stack = mapStack(outcome.error?.stack ?? '', code)
    expect(stack).toContain(`${join(folder, 'deep/fail.ts')}:2:9`)
    expect(stack).toContain(`${join(folder, 'failing.ts')}:6:3`)
    expect(stack).not.toContain('signalbox:workflows')
  })

  it('that is none of ours stays as it is', async () => {
    const code = await bundle({ 'empty.ts': 'export {}' })
    const stack = 'Error: x\n    at file:///somewhere.js:1:1'
    expect(mapStack(stack, code)).toBe(stack)
    expect(mapStack('at signalbox:workflows:1:1', code)).toBe('at signalbox:workflows:1:1')
  })
})
