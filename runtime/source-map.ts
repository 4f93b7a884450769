import { SourceMap } from 'node:module'
import { workflowFileName } from '../actors/sandbox-file-names.ts'
import type { WorkflowBundle } from '../actors/turns.ts'

const maps = new WeakMap<WorkflowBundle, SourceMap>()
const position = new RegExp(`${workflowFileName}:(\\d+):(\\d+)`, 'g')

/**
 * A stack of workflow code with the user's files, lines and columns in place of the bundle's. What the
 * map does not know stays as it is. The map is parsed when it is first needed.
 */
export function mapStack(stack: string, bundle: WorkflowBundle): string {
  if (!stack.includes(workflowFileName)) return stack
  let map = maps.get(bundle)
  if (map === undefined) {
    map = new SourceMap(JSON.parse(bundle.sourceMap) as ConstructorParameters<typeof SourceMap>[0])
    maps.set(bundle, map)
  }
  const sourceMap = map
  return stack.replace(position, (text, line: string, column: string) => {
    const entry = sourceMap.findEntry(Number(line) - 1, Number(column) - 1)
    if (!('originalSource' in entry)) return text
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}
