import type { Journal } from './journal.ts'
import { namespaceOfWorkflowIdKey, RowTable, tableRange } from './row-keys.ts'
import { DEFAULT_NAMESPACE } from './visibility.ts'

/**
 * The namespaces that have workflows, and the default one. The index of workflow ids begins with the
 * namespace, so each costs one look-up however many workflows it has.
 */
export function listNamespaces(journal: Journal): readonly string[] {
  const found = new Set([DEFAULT_NAMESPACE])
  const { start, end } = tableRange(RowTable.workflowId)
  let from: Uint8Array = start
  for (;;) {
    const [first] = journal.rows({ start: from, end, limit: 1 })
    if (first === undefined) return [...found].sort()
    const namespace = namespaceOfWorkflowIdKey(first[0])
    found.add(namespace)
    // The pair is parted by a NUL: past it all of the namespace's keys are behind.
    from = tableRange(RowTable.workflowId, Buffer.from(`${namespace}\0`)).end
  }
}
