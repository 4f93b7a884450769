import type { LogLevel } from '../turns.ts'
import type { Activator } from './activator.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { composeInterceptors } from './interceptors.ts'

/** Takes a line of log; the host gives one to each context. */
export type LogSink = (
  run: number,
  level: LogLevel,
  message: string,
  attributesJson: string,
  time: number,
) => void

let sink: LogSink | undefined

export function setLogSink(logSink: LogSink): void {
  sink = logSink
}

export type LogFunction = (message: string, attributes?: Record<string, unknown>) => void

export interface WorkflowLogger {
  readonly trace: LogFunction
  readonly debug: LogFunction
  readonly info: LogFunction
  readonly warn: LogFunction
  readonly error: LogFunction
}

/** Log with the workflow's attributes added. Silent while a turn is done again from the journal. */
export const log: WorkflowLogger = {
  trace: (message, attributes) => write('TRACE', message, attributes),
  debug: (message, attributes) => write('DEBUG', message, attributes),
  info: (message, attributes) => write('INFO', message, attributes),
  warn: (message, attributes) => write('WARN', message, attributes),
  error: (message, attributes) => write('ERROR', message, attributes),
}

function write(level: LogLevel, message: string, attributes?: Record<string, unknown>): void {
  logFor(
    assertInWorkflowContext('Workflow.log(...) may only be used from workflow context.'),
    level,
    message,
    attributes,
  )
}

/** Log for a run that need not have the floor. */
export function logFor(
  activator: Activator,
  level: LogLevel,
  message: unknown,
  attributes?: Record<string, unknown>,
): void {
  if ((activator.replaying && !activator.readOnly) || sink === undefined) return
  const { namespace, taskQueue, workflowId, runId, workflowType } = activator.started
  const own = { namespace, taskQueue, workflowId, runId, workflowType }
  const outbound = activator.extensions?.interceptors?.outbound
  const base =
    outbound === undefined
      ? own
      : composeInterceptors(outbound, 'getLogAttributes', (given) => given)(own)
  const all = { ...base, ...attributes }
  sink(activator.run, level, String(message), toJson(all), activator.now)
}

function toJson(attributes: Record<string, unknown>): string {
  try {
    return JSON.stringify(attributes, readable)
  } catch {
    // A circular value must not cost the line it came with.
    const shallow = Object.entries(attributes).map(([key, value]) => [key, String(value)])
    return JSON.stringify(Object.fromEntries(shallow))
  }
}

function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) {
    const { name, message, stack, cause } = value
    return { name, message, stack, ...(cause === undefined ? {} : { cause }) }
  }
  return value
}
