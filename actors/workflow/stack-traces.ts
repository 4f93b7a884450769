import { userStack } from '../failure-converter.ts'
import type { Activator } from './activator.ts'
import { extensionsOf } from './run-extensions.ts'

const STACK_FRAMES = 50

/*
 * Where code waits is not known in general: to note a stack costs more than a whole turn. So the
 * query has the run built anew from its history, once, in a mode in which it is noted.
 */

/** From its first turn on the run notes where it begins to wait. */
export function traceWaits(activator: Activator): void {
  extensionsOf(activator).waits = new Map()
}

/** Code begins to wait for `pending`. */
export function noteWait(activator: Activator, pending: object): void {
  const waits = activator.extensions?.waits
  if (waits === undefined) return
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = STACK_FRAMES
  const { stack = '' } = new Error('waits')
  Error.stackTraceLimit = limit
  const lines = stack.split('\n').slice(1)
  waits.set(pending, lines.filter((line) => !line.includes('at new Promise (')).join('\n'))
}

/** It waits no more. */
export function forgetWait(activator: Activator, pending: object): void {
  activator.extensions?.waits?.delete(pending)
}

/** A stack for each thing that code waits for, in the order in which it began to. */
export function waitingStacks(activator: Activator): string[] {
  return [...(activator.extensions?.waits?.values() ?? [])].map(userStack)
}
