import type { Payload } from '../../payload.ts'
import type { Activator } from '../activator.ts'
import { waitingStacks } from '../stack-traces.ts'

/** Temporal's own queries, which every workflow answers. Undefined for others. */
export function describeWorkflow(activator: Activator, queryName: string): Payload | undefined {
  switch (queryName) {
    // The host makes one form or the other of them, with the lines of the user's files.
    case '__stack_trace':
    case '__enhanced_stack_trace':
      return JSON.stringify(waitingStacks(activator))
    case '__temporal_workflow_metadata':
      return JSON.stringify(metadata(activator))
    default:
      return undefined
  }
}

const builtIn = [
  ['__stack_trace', 'Where the workflow waits, as text.'],
  ['__enhanced_stack_trace', 'Where the workflow waits, as data.'],
  ['__temporal_workflow_metadata', 'Returns metadata associated with this workflow.'],
] as const

function metadata(activator: Activator): object {
  const { handlers, knownUpdates, started, extensions } = activator
  const unhandledSignals = handlers.unhandled()
  return {
    definition: {
      type: started.workflowType,
      queryDefinitions: [
        ...builtIn.map(([name, description]) => ({ name, description })),
        ...described(handlers.queries),
      ],
      signalDefinitions: described(handlers.signals),
      updateDefinitions: knownUpdates === undefined ? [] : described(knownUpdates.handlers),
    },
    currentDetails: extensions?.currentDetails ?? '',
    // Temporal has no field for them. Of most runs there are none.
    ...(unhandledSignals.length === 0 ? {} : { signalbox: { unhandledSignals } }),
  }
}

function described(
  handlers: ReadonlyMap<string, { readonly description?: string | undefined }>,
): object[] {
  return [...handlers].map(([name, { description }]) => ({ name, description }))
}
