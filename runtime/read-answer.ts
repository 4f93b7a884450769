import { decode } from '../actors/records.ts'
import { packageVersion } from './bundle.ts'
import { mapFailure } from './map-failure.ts'
import type { Payload } from '../actors/payload.ts'
import type { QueryOutcome } from '../actors/turns.ts'
import type { StackTraceFileLocation } from '../actors/workflow/stack-trace-types.ts'

/** Temporal's queries for where a workflow waits. */
export function isStackTraceQuery(queryType: string): boolean {
  return queryType === '__stack_trace' || queryType === '__enhanced_stack_trace'
}

/** The answer to a query, with lines of the user's files in its stacks. */
export function readAnswer(
  queryType: string,
  body: Uint8Array,
  mapStack: (stack: string) => string,
): QueryOutcome {
  const outcome = decode<QueryOutcome>(body)
  if ('result' in outcome) {
    return isStackTraceQuery(queryType) ? showStacks(queryType, outcome, mapStack) : outcome
  }
  return { ...outcome, failure: mapFailure(outcome.failure, mapStack) }
}

function showStacks(
  queryType: string,
  outcome: QueryOutcome,
  mapStack: (stack: string) => string,
): QueryOutcome {
  if (!('result' in outcome) || typeof outcome.result !== 'string') return outcome
  const stacks = (JSON.parse(outcome.result) as string[]).map(mapStack)
  return { result: queryType === '__stack_trace' ? text(stacks) : data(stacks) }
}

function text(stacks: readonly string[]): Payload {
  return JSON.stringify(stacks.join('\n\n'))
}

function data(stacks: readonly string[]): Payload {
  return JSON.stringify({
    sdk: { name: 'signalbox', version: packageVersion() },
    sources: {},
    stacks: stacks.map((stack) => ({
      locations: stack.split('\n').filter(isFrame).map(locationOf),
    })),
  })
}

function isFrame(line: string): boolean {
  return line.trimStart().startsWith('at ')
}

function locationOf(line: string): StackTraceFileLocation {
  const match = /^\s*at (?:(.*) \()?(.*?):(\d+):(\d+)\)?$/.exec(line)
  if (match === null) return { function_name: line.trim().slice(3), internal_code: true }
  const [, name, file = '', row, column] = match
  return {
    file_path: file,
    line: Number(row),
    column: Number(column),
    ...(name === undefined ? {} : { function_name: name }),
    internal_code: file.includes('node_modules'),
  }
}
