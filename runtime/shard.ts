/** How many shards a data folder has. Fixed when it is made, since a run's shard must never change. */
export const SHARDS = 256

/** The shard of a workflow: FNV-1a over namespace and workflow id, so that a chain stays in one place. */
export function shardOf(namespace: string, workflowId: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < namespace.length; i++) {
    hash = Math.imul(hash ^ namespace.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ 0x10000, 0x01000193)
  for (let i = 0; i < workflowId.length; i++) {
    hash = Math.imul(hash ^ workflowId.charCodeAt(i), 0x01000193)
  }
  // FNV's low bits are weak for short, similar ids.
  return ((hash ^ (hash >>> 15)) >>> 0) % SHARDS
}

/** The slot that hosts a shard. The number of slots may change between opens; shards never move. */
export function slotOf(shard: number, slots: number): number {
  return shard % slots
}
