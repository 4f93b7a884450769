/** Part of what the journal keeps: never to be changed. */
const SEEDS = {
  start: 0x9e3779b9,
  signal: 0x85ebca6b,
  pause: 0x27d4eb2f,
  unpause: 0x165667b1,
  reset: 0xd3a2646c,
} as const

/** What a request id was given for. Ids of one do not concern another. */
export type RequestOperation = keyof typeof SEEDS

/**
 * A 53-bit hash of a request id within its workflow id. Two multiplicative 32-bit hashes over the
 * UTF-16 units (the construction of MurmurHash's mixing, with different multipliers): not for use
 * against an adversary, which is why a hit is always verified on the record itself.
 *
 * `operation` keeps starts, signals and others apart, as Temporal does.
 */
export function requestHash(
  operation: RequestOperation,
  namespace: string,
  workflowId: string,
  requestId: string,
): number {
  let a: number = SEEDS[operation]
  let b = 0xc2b2ae35
  for (const text of [namespace, workflowId, requestId]) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      a = Math.imul(a ^ unit, 0x01000193)
      b = Math.imul(b ^ unit, 0x5bd1e995)
      b ^= b >>> 15
    }
    a = Math.imul(a ^ 0x10000, 0x01000193)
    b = Math.imul(b ^ 0x10000, 0x5bd1e995)
  }
  a ^= a >>> 16
  a = Math.imul(a, 0x7feb352d)
  a ^= a >>> 15
  b ^= b >>> 13
  b = Math.imul(b, 0x846ca68b)
  b ^= b >>> 16
  return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff)
}
