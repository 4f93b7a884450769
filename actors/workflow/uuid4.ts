import { maybeActivator } from './current-run.ts'
import { uuid4From } from './random.ts'

/** A version 4 UUID. In a workflow it is drawn from the run's own random numbers: the same in replay. */
export function uuid4(): string {
  const random = maybeActivator()?.random
  return uuid4From(random ? () => random.next() : Math.random)
}
