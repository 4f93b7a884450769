import { deserialize } from 'node:v8'
import { decode } from '../actors/records.ts'
import type { SinkCall } from '../actors/turns.ts'
import type { SinkFunction, Sinks } from '../actors/workflow/sinks.ts'
import type { WorkflowInfo } from '../actors/workflow/workflow-info.ts'
import type { Logger } from './logger.ts'
import type { RunRow } from './run-row.ts'

/** What a sink's function is told of the workflow that calls it. */
export type SinkWorkflowInfo = Omit<WorkflowInfo, 'unsafe'> & {
  readonly unsafe: Omit<WorkflowInfo['unsafe'], 'now'>
}

export interface InjectedSinkFunction<F extends SinkFunction = SinkFunction> {
  fn(info: SinkWorkflowInfo, ...args: Parameters<F>): void | Promise<void>
  /** Called also while a turn is done again from the journal. Default false. */
  readonly callDuringReplay?: boolean
}

/** The functions that workflows reach by `proxySinks`, by sink and name. */
export type InjectedSinks<T extends Sinks = Sinks> = {
  readonly [S in keyof T]: { readonly [F in keyof T[S]]: InjectedSinkFunction<T[S][F]> }
}

/** The functions that are called during replay too, as `sink.function`. */
export function replayedSinks(sinks: InjectedSinks): string[] {
  return Object.entries(sinks).flatMap(([sinkName, functions]) =>
    Object.entries(functions)
      .filter(([, { callDuringReplay }]) => callDuringReplay === true)
      .map(([functionName]) => `${sinkName}.${functionName}`),
  )
}

/** Makes the calls of sinks, in the order in which a workflow made them. What they throw is logged. */
export class SinkCaller {
  readonly #sinks: InjectedSinks
  readonly #logger: Logger

  constructor(sinks: InjectedSinks, logger: Logger) {
    this.#sinks = sinks
    this.#logger = logger
  }

  call(row: RunRow, body: Uint8Array): void {
    const { sinkName, functionName, infoAndArgs } = decode<SinkCall>(body)
    const { workflowId, runId, workflowType } = row
    const attributes = {
      workflowId,
      runId,
      workflowType,
      ifaceName: sinkName,
      fnName: functionName,
    }
    const sink = this.#sinks[sinkName]?.[functionName]
    if (sink === undefined) {
      this.#logger.error(attributes, 'Workflow referenced an unregistered external sink')
      return
    }
    const failed = (error: unknown): void => {
      this.#logger.error({ ...attributes, err: error }, 'External sink function threw an error')
    }
    try {
      const [info, args] = deserialize(infoAndArgs) as [SinkWorkflowInfo, unknown[]]
      Promise.resolve(sink.fn(info, ...args)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
