import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository, with a slash at the end. */
export const repository = fileURLToPath(new URL('../../', import.meta.url))

export interface CodeBlock {
  readonly language: string
  readonly code: string
  /** The last line of text before the block. */
  readonly lead: string
}

export function readDocument(path: string): string {
  return readFileSync(repository + path, 'utf8')
}

/** The fenced code of a Markdown text. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = []
  for (const match of markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)) {
    const lead = markdown.slice(0, match.index).trimEnd().split('\n').at(-1) ?? ''
    blocks.push({ language: match[1] ?? '', code: match[2] ?? '', lead })
  }
  return blocks
}

/** The rows of a table, by the text of its first column without backticks; cells are trimmed. */
export function tableRows(
  markdown: string,
  firstColumn: RegExp,
): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>()
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) continue
    const cells = line
      .slice(1, line.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim())
    const name = (cells[0] ?? '').replaceAll('`', '')
    if (!firstColumn.test(name)) continue
    if (rows.has(name)) throw new Error(`${name} has two rows`)
    rows.set(name, cells.slice(1))
  }
  return rows
}
