import { isBuiltin } from 'node:module'
import type { PartialMessage, Plugin } from 'esbuild'

/** Each context has these already: the authoring API under any of its names, and what Temporal allows of Node's. */
const suppliedByContext = new Set([
  'signalbox/workflow',
  'signalbox/channels',
  '@temporalio/workflow',
  '@temporalio/common',
  'assert',
  'node:assert',
  'util',
  'node:util',
  'url',
  'node:url',
])

/** What to do instead, where it is not to call an activity. */
const substitutes: ReadonlyMap<string, string> = new Map([
  ['buffer', 'use Uint8Array, TextEncoder and TextDecoder'],
  ['crypto', 'use uuid4() or crypto.randomUUID(), which are deterministic in workflows'],
  ['timers', 'setTimeout and sleep are there without an import'],
  ['timers/promises', 'use sleep from signalbox/workflow'],
  ['async_hooks', 'use CancellationScope from signalbox/workflow'],
])

const hostOnly: ReadonlyMap<string, string> = new Map([
  [
    'signalbox/activity',
    'Activities run outside of workflows: use proxyActivities, and `import type` for their types.',
  ],
  [
    '@temporalio/activity',
    'Activities run outside of workflows: use proxyActivities, and `import type` for their types.',
  ],
  ['signalbox', 'The runtime and its client belong to the host: use `import type` for types.'],
  ['signalbox/testing', 'Tests belong to the host: use `import type` for types.'],
  ['signalbox/api', 'The HTTP API belongs to the host: use `import type` for types.'],
  ['@temporalio/client', 'Clients belong to the host: use `import type` for types.'],
  ['@temporalio/worker', 'Workers belong to the host: use `import type` for types.'],
])

/**
 * Leaves what contexts supply out of a bundle of workflows, and refuses what a workflow cannot have:
 * Node's modules, also when a package imports them, and code of the host.
 */
export function workflowImports(sharedModules: readonly string[] = []): Plugin {
  return {
    name: 'signalbox-workflow-imports',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
        if (sharedModules.includes(path)) return { path, external: true }
        if (suppliedByContext.has(path) || path.startsWith('@temporalio/common/lib/'))
          return { path, external: true }
        const advice = hostOnly.get(path)
        if (advice !== undefined) {
          return {
            errors: [refusal(path, `"${path}" cannot be imported by workflow code.`, advice)],
          }
        }
        if (!isBuiltin(path)) return undefined
        const from = importer.includes('node_modules')
          ? `A package that the workflow imports (${importer}) needs the Node module "${path}".`
          : `Workflow code cannot import the Node module "${path}".`
        const help =
          'Workflows must be deterministic and have no access to Node: ' +
          `${substitutes.get(path.replace(/^node:/, '')) ?? 'do it in an activity'}. ` +
          'If only types are needed, use `import type`.'
        return { errors: [refusal(path, from, help)] }
      })
    },
  }
}

function refusal(path: string, text: string, advice: string): PartialMessage {
  return { text, notes: [{ text: advice }], detail: { import: path } }
}
