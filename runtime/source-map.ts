import { SourceMap } from 'node:module'
import { workflowFileName } from '../actors/sandbox-file-names.ts'
import type { WorkflowBundle } from '../actors/turns.ts'
import { topmost, type SourcePlace } from './source-place.ts'

const maps = new WeakMap<WorkflowBundle, SourceMap>()
const position = new RegExp(`${workflowFileName}:(\\d+):(\\d+)`, 'g')

/**
 * A stack of workflow code with the user's files, lines and columns in place of the bundle's. What the
 * map does not know stays as it is.
 */
export function mapStack(stack: string, bundle: WorkflowBundle): string {
  return stack.replace(position, (text, line: string, column: string) => {
    const place = find(bundle, Number(line), Number(column))
    return place === undefined ? text : `${place.file}:${place.line}:${place.column}`
  })
}

/** Where in the user's files a stack comes from. */
export function sourcePlace(stack: string, bundle: WorkflowBundle): SourcePlace | undefined {
  const frames = [...stack.matchAll(position)]
    .map(([, line, column]) => find(bundle, Number(line), Number(column)))
    .filter((place) => place !== undefined)
  return topmost(frames)
}

/** The map is parsed when it is first needed. */
function find(bundle: WorkflowBundle, line: number, column: number): SourcePlace | undefined {
  let map = maps.get(bundle)
  if (map === undefined) {
    map = new SourceMap(JSON.parse(bundle.sourceMap) as ConstructorParameters<typeof SourceMap>[0])
    maps.set(bundle, map)
  }
  const entry = map.findEntry(line - 1, column - 1)
  if (!('originalSource' in entry)) return undefined
  return {
    file: entry.originalSource,
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  }
}
