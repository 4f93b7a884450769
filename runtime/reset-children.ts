import { encode } from '../actors/records.ts'
import { type ChildResolution, type Input, InputKind } from '../actors/inputs.ts'
import type { ChildLink } from './child-link.ts'
import type { EngineParts } from './engine-parts.ts'
import type { ChildUnderWay } from './reset-state.ts'
import { childLinkKey } from './row-keys.ts'
import { readClose } from './run-history.ts'
import { runOfRunId } from './run-id.ts'
import type { Run } from './run.ts'
import type { CloseStatus } from './workflow-service.ts'

/** What becomes of a child that was under way at the point of a reset. */
export type KeptChild =
  | { readonly run: Run; readonly link: ChildLink; readonly input?: undefined }
  /** It has ended meanwhile, which the run at the point did not know. */
  | { readonly input: Input; readonly run?: undefined }

type Parts = Pick<EngineParts, 'runs' | 'journal' | 'acceptor' | 'committer'>

/**
 * The children that a run had at some point, as they are now. Undefined while the end of one is being
 * written: it is not known yet how it ended.
 */
export function childrenKept(
  { runs, journal, acceptor }: Parts,
  parent: Run,
  children: Iterable<ChildUnderWay>,
): readonly KeptChild[] | undefined {
  const { namespace } = parent.row
  const kept: KeptChild[] = []
  for (const { command, runId } of children) {
    if (runId === undefined) continue
    const { seq, workflowId, workflowType, parentClosePolicy } = command
    let run = runs.byRunId(namespace, workflowId, runId)
    for (let next = successorId(run); next !== undefined; next = successorId(run)) {
      run = runs.byRunId(namespace, workflowId, next)
    }
    if (run?.closing?.phase === 'committing') return undefined
    if (run?.isOpen === true) {
      const link = { seq, workflowId, firstRunId: runId, workflowType, parentClosePolicy }
      kept.push({ run, link })
      continue
    }
    const resolution: ChildResolution =
      run === undefined ? { status: 'terminated' } : resolutionOf(readClose(journal, run))
    kept.push({ input: [InputKind.childResolved, acceptor.now, seq, resolution] })
  }
  return kept
}

/** The child's parent is `parent` from now on. */
export function adoptChild(
  { runs, acceptor, committer }: Parts,
  parent: Run,
  { run, link }: Extract<KeptChild, { readonly run: Run }>,
): void {
  const before = run.row.parent
  const owner = before && runs.byKey(runOfRunId(before.runId))
  if (owner?.removeChild(link.seq) === true) committer.deleteRow(childLinkKey(owner.key, link.seq))
  parent.addChild(link)
  committer.putRow(childLinkKey(parent.key, link.seq), encode(link))
  const { workflowId, runId } = parent.row
  acceptor.saveRow(run, { ...run.row, parent: { workflowId, runId, seq: link.seq } })
}

/** The run that has taken a closed one's place, if one has. */
function successorId(run: Run | undefined): string | undefined {
  return run?.isOpen === false ? (run.row.newRunId ?? run.row.resetRunId) : undefined
}

function resolutionOf(close: CloseStatus): ChildResolution {
  if (!close.closed) return { status: 'terminated' }
  const { retryState = 'RETRY_POLICY_NOT_SET' } = close
  switch (close.status) {
    case 'COMPLETED':
      return { status: 'completed', result: close.result ?? null }
    case 'FAILED':
      return { status: 'failed', failure: close.failure ?? { message: '' }, retryState }
    case 'CANCELED': {
      const details = close.failure?.canceledFailureInfo?.details
      return { status: 'cancelled', ...(details === undefined ? {} : { details }) }
    }
    case 'TIMED_OUT':
      return { status: 'timedOut', retryState }
    default:
      return { status: 'terminated' }
  }
}
