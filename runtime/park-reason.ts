import type { TurnError } from '../actors/turns.ts'

/** What Node's module wrapper would give, which is not among the globals. */
const wrapped = new Set(['require', 'module', 'exports', '__dirname', '__filename'])

/** Why a turn failed, with what to do about it where its error alone would not say. */
export function parkReason({ name, message }: TurnError): string {
  const missing =
    name === 'ReferenceError' ? /^(\S+) is not defined$/.exec(message)?.[1] : undefined
  const advice =
    missing !== undefined && (missing in globalThis || wrapped.has(missing))
      ? `: workflows have no ${missing}, since replay could not repeat what it does; use it in an ` +
        'activity, or give what you need of it as an argument'
      : ''
  return `${name}: ${message}${advice}`
}

/** What a beginner would take for a hang is meant so; told once, with the first attempt that failed. */
export function parkAdvice({ nonDeterministic }: TurnError): string {
  const retried =
    'this is no failure of the workflow: its turn is tried again until the code is mended'
  return nonDeterministic === true
    ? retried
    : `${retried}; to fail the workflow, throw ApplicationFailure`
}
