import type { TurnError, WorkflowBundle } from '../actors/turns.ts'
import { SignalboxError } from './errors.ts'
import { mapStack, sourcePlace } from './source-map.ts'

/** What people who come from Node reach for first, and workflow code does not have. */
const ofNode = new Set(['process', 'Buffer', 'fetch', '__dirname', '__filename', 'setInterval'])

/**
 * The error for workflow code whose top level throws, with the place of it in the user's files: in the
 * message, in `fields` and in the stack of `cause`.
 */
export function loadFailure(error: TurnError, bundle: WorkflowBundle): SignalboxError {
  const { name, message, stack } = error
  const place = stack === undefined ? undefined : sourcePlace(stack, bundle)
  const at = place === undefined ? '' : `${place.file}:${place.line}:${place.column}: `
  const cause = new Error(message)
  cause.name = name
  if (stack !== undefined) cause.stack = mapStack(stack, bundle)
  return new SignalboxError(
    'SIGNALBOX_ERR_BUNDLE_FAILED',
    `${at}The workflow code throws when it is loaded: ${message}${adviceOn(message)}`,
    { cause, fields: { ...place } },
  )
}

function adviceOn(message: string): string {
  const missing = /^(\w+) is not defined$/.exec(message)?.[1]
  if (missing === undefined || !ofNode.has(missing)) return ''
  return '. Workflow code has no access to Node: give it values as arguments, or do it in an activity.'
}
