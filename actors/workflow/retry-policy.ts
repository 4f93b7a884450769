import { ValueError } from '../failures.ts'
import type { RetryPolicyData } from '../inputs.ts'
import { finiteMs, optionalFiniteMs, type Duration } from './duration.ts'

/** How often and when something that failed is tried again. */
export interface RetryPolicy {
  /** The factor between one wait and the next. Default 2. */
  backoffCoefficient?: number
  /** The wait before the second attempt. Default 1 second. */
  initialInterval?: Duration
  /** How many attempts in all. Default no limit. */
  maximumAttempts?: number
  /** The longest wait. Default 100 times the first. */
  maximumInterval?: Duration
  /** The `type` of application failures that are not tried again. Default none. */
  nonRetryableErrorTypes?: string[]
}

/** The policy as its author would write it, from the one with every default filled in. */
export function retryPolicyOf(policy: RetryPolicyData): RetryPolicy {
  return {
    backoffCoefficient: policy.backoffCoefficient,
    initialInterval: policy.initialIntervalMs,
    maximumInterval: policy.maximumIntervalMs,
    nonRetryableErrorTypes: [...policy.nonRetryableErrorTypes],
    ...(policy.maximumAttempts > 0 ? { maximumAttempts: policy.maximumAttempts } : {}),
  }
}

/**
 * The policy with every default filled in.
 *
 * @throws {ValueError} if a field is out of its range
 */
export function fillRetryPolicy(given: RetryPolicy | null = {}): RetryPolicyData {
  const policy = given ?? {}
  const backoffCoefficient = policy.backoffCoefficient ?? 2
  const maximumAttempts = policy.maximumAttempts ?? Number.POSITIVE_INFINITY
  if (!(backoffCoefficient >= 1)) {
    throw new ValueError(
      backoffCoefficient > 0
        ? 'RetryPolicy.backoffCoefficient cannot be less than 1'
        : 'RetryPolicy.backoffCoefficient must be greater than 0',
    )
  }
  const unlimited = maximumAttempts === Number.POSITIVE_INFINITY
  if (!unlimited) {
    if (!(maximumAttempts > 0)) {
      throw new ValueError('RetryPolicy.maximumAttempts must be a positive integer')
    }
    if (!Number.isInteger(maximumAttempts)) {
      throw new ValueError('RetryPolicy.maximumAttempts must be an integer')
    }
  }
  const initialIntervalMs = finiteMs(policy.initialInterval ?? 1000)
  const maximumIntervalMs = optionalFiniteMs(policy.maximumInterval)
  if (maximumIntervalMs === 0) throw new ValueError('RetryPolicy.maximumInterval cannot be 0')
  if (initialIntervalMs === 0) throw new ValueError('RetryPolicy.initialInterval cannot be 0')
  if (maximumIntervalMs !== undefined && maximumIntervalMs < initialIntervalMs) {
    throw new ValueError('RetryPolicy.maximumInterval cannot be less than its initialInterval')
  }
  return {
    initialIntervalMs,
    backoffCoefficient,
    maximumIntervalMs: maximumIntervalMs ?? initialIntervalMs * 100,
    maximumAttempts: unlimited ? 0 : maximumAttempts,
    nonRetryableErrorTypes: [...(policy.nonRetryableErrorTypes ?? [])],
  }
}
