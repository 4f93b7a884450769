import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readDocument, repository } from './markdown.ts'

const documents = [
  ...readdirSync(repository).filter((name) => name.endsWith('.md')),
  ...['docs', 'examples', 'bench'].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  ),
]
const manifest: { scripts: Record<string, string> } = JSON.parse(readDocument('package.json'))

describe.each(documents)('%s', (path) => {
  const text = readDocument(path)

  test('links to files and headings that are there', () => {
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].filter(
      ([, file = '', heading]) => {
        const target = file === '' ? path : join(dirname(path), file)
        if (!existsSync(join(repository, target))) return true
        return heading !== undefined && !headings(target).includes(heading)
      },
    )
    expect(broken.map(([link]) => link)).toEqual([])
  })

  test('names scripts that package.json has', () => {
    const named = [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)]
    const unknown = named.filter(([, run, short]) => !(`${run ?? short}` in manifest.scripts))
    expect(unknown.map(([command]) => command)).toEqual([])
  })
})

test('the package has the documents, and whatever they link to', async () => {
  const packing = ['pack', '--dry-run', '--ignore-scripts', '--json']
  const { stdout } = await promisify(execFile)('npm', packing, { cwd: repository })
  const [{ files }] = JSON.parse(stdout) as [{ files: readonly { readonly path: string }[] }]
  const packed = files.map(({ path }) => path)
  const folders = new Set(packed.map((path) => dirname(path)))
  expect(packed).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/errors.md']))
  const dead = packed
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...readDocument(path).matchAll(/\]\((?!https?:)([^)#\s]+)/g)]
        .map(([, file = '']) => join(dirname(path), file))
        .filter((target) => !packed.includes(target) && !folders.has(target)),
    )
  expect(dead).toEqual([])
})

/** The anchors of a page's headings, as GitHub makes them. */
function headings(path: string): readonly string[] {
  return [...readDocument(path).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
