import { assertInWorkflowContext } from './current-run.ts'
import { workflowStructuredClone } from './realm/structured-clone.ts'
import { workflowInfo, type WorkflowInfo } from './workflow-info.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- a function type that any sink's extends
export type SinkFunction = (...args: any[]) => void
/** Functions of the host by name. */
export type Sink = Record<string, SinkFunction>
/** Sinks by name. */
export type Sinks = Record<string, Sink>

/** A call of a sink's function: that of a workflow, with its arguments. */
export interface SinkCall {
  ifaceName: string
  fnName: string
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Temporal's type
  args: any[]
  workflowInfo: WorkflowInfo
}

/** Takes calls to the host; the host gives one to each context. */
export interface SinkHost {
  /** Whether a function is called also while a turn is done again. */
  duringReplay(sinkName: string, functionName: string): boolean
  call(run: number, sinkName: string, functionName: string, infoAndArgs: unknown): void
}

let host: SinkHost | undefined

export function setSinkHost(sinkHost: SinkHost): void {
  host = sinkHost
}

/**
 * Functions that call the host's sinks of the same names, as they are given to `Runtime.open`. Nothing
 * comes back from them: the call is made after the turn, with copies of the arguments. While a turn is
 * done again from the journal only those with `callDuringReplay` are called.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as in Temporal's type
export function proxySinks<T extends Sinks>(): T {
  return new Proxy({} as T, {
    get: (_, sinkName) =>
      new Proxy(
        {},
        {
          get:
            (__, functionName) =>
            (...args: unknown[]) => {
              callSink(String(sinkName), String(functionName), args)
            },
        },
      ),
  })
}

function callSink(sinkName: string, functionName: string, args: unknown[]): void {
  const activator = assertInWorkflowContext(
    'Proxied sinks functions may only be used from a Workflow Execution.',
  )
  // An answer to a query is news, also from a run that was rebuilt for it.
  const replaying = activator.replaying && !activator.readOnly
  if (host === undefined || (replaying && !host.duringReplay(sinkName, functionName))) return
  const { unsafe, ...info } = workflowInfo()
  const { isReplaying } = unsafe
  const plain = { ...info, unsafe: { isReplaying, isReplayingHistoryEvents: replaying } }
  host.call(activator.run, sinkName, functionName, workflowStructuredClone([plain, args]))
}
