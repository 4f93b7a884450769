import { ValueError } from '../failures.ts'
import { toPayload } from '../payload-converter.ts'
import type { Payload } from '../payload.ts'

/**
 * The payload of what a function of the user returned.
 *
 * @param what what it is, such as the result of the workflow: the function has returned, so that no line
 *   of it is in the error's stack
 * @throws {ValueError} for what the converter cannot convert
 */
export function returnedPayload(value: unknown, what: string, name: string): Payload {
  try {
    return toPayload(value)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new ValueError(`${error.message} (it is the ${what} ${name})`, error.cause)
  }
}
