import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** The same workflow files, for the compiler, against either package. */
describe('workflow files type-check against', () => {
  test.each([
    ["Temporal's SDK", 'tsconfig.temporal.json'],
    ['signalbox', 'tsconfig.signalbox.json'],
    ["Temporal's SDK, with these tests", 'tsconfig.json'],
  ])('%s', (_name, project) => {
    expect(compile('-p', project)).toBe('')
  })

  test('what is wrong for one is wrong for the other', () => {
    const wrong = readFileSync(new URL('./workflows/mistakes.ts', import.meta.url), 'utf8')
    expect(wrong.match(/@ts-expect-error/g)?.length).toBeGreaterThan(10)
  })

  test('they write out every type that docs/compatibility.md says is here', () => {
    const page = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8')
    const section = page.split('\n## ').find((part) => part.startsWith('Types of ')) ?? ''
    const here = [...section.matchAll(/^\| `(\w+)` +\| (same|beyond|different) /gm)]
    const folder = new URL('./workflows/', import.meta.url)
    // What is imported and not used the compiler would not let pass.
    const imported = readdirSync(folder)
      .map((file) => readFileSync(new URL(file, folder), 'utf8'))
      .flatMap((text) => [
        ...text.matchAll(/import (?:type )?\{([^}]*)\} from '@temporalio\/workflow'/g),
      ])
      .flatMap(([, names = '']) => names.match(/\w+/g) ?? [])
    expect(here.length).toBeGreaterThan(60)
    const missing = here.map(([, name = '']) => name).filter((name) => !imported.includes(name))
    expect(missing).toEqual([])
  })

  test('a compiler that finds nothing would be found', () => {
    for (const project of ['tsconfig.temporal.json', 'tsconfig.signalbox.json']) {
      expect(compile('-p', project, '--exactOptionalPropertyTypes', '--lib', 'ES5')).not.toBe('')
    }
  })

  test('either package is the one that it is said to be', () => {
    const traces = ['tsconfig.temporal.json', 'tsconfig.signalbox.json'].map((project) =>
      compile('-p', project, '--listFiles'),
    )
    expect(traces[0]).toContain('node_modules/@temporalio/workflow/lib/index.d.ts')
    expect(traces[0]).not.toContain('dist/actors/workflow/index.d.ts')
    expect(traces[1]).toContain('dist/actors/workflow/index.d.ts')
    expect(traces[1]).not.toContain('@temporalio/workflow/lib')
  })
})

/** @returns what the compiler has to say; nothing if all is well */
function compile(...args: readonly string[]): string {
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...args], {
    cwd: fileURLToPath(new URL('./', import.meta.url)),
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  return (stdout + stderr).trim()
}
