import { decode } from '../actors/records.ts'
import type { WorkflowLogEntry } from '../actors/turns.ts'
import { logAt } from './log-at.ts'
import type { Logger } from './logger.ts'
import type { RunRow } from './run-row.ts'

/** A line that workflow code logged. */
export function writeWorkflowLog(logger: Logger, row: RunRow, body: Uint8Array): void {
  const entry = decode<WorkflowLogEntry>(body)
  const { workflowId, runId, workflowType } = row
  const fields = { workflowId, runId, workflowType, ...parseAttributes(entry.attributesJson) }
  logAt(logger, entry.level, fields, entry.message)
}

/** What the workflow's own `toJSON` made of its attributes may be anything. */
function parseAttributes(json: unknown): object {
  try {
    const attributes: unknown = JSON.parse(String(json))
    return typeof attributes === 'object' && attributes !== null ? attributes : { attributes }
  } catch {
    return { attributes: String(json) }
  }
}
