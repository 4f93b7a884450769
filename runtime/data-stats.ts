import { livingOwner, readFormat } from './data-folder.ts'
import { describeOwner } from './data-folder-owner.ts'
import { frameBytes, frameRun, isFrame } from './journal-frame.ts'
import { dataKeyKind, logRowKey, logRowsEnd, runOfRunKey } from './journal-keys.ts'
import { type JournalSnapshot, openSnapshot } from './journal-snapshot.ts'
import { RowTable } from './row-keys.ts'
import { storedRun, storedRuns } from './stored-runs.ts'
import type { WorkflowStatus } from './workflow-service.ts'

/** Of one kind of entries: how many, and the bytes of their keys and values. */
export interface EntrySizes {
  entries: number
  bytes: number
}

export interface LargeHistory {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  readonly workflowType: string
  readonly status: WorkflowStatus
  readonly bytes: number
  readonly inputs: number
}

export interface DataStats {
  readonly format: number
  readonly shards: number
  /** The process that has the folder open, if one has. */
  readonly owner?: string
  /** The file, and what of it no commit uses any more: later commits will. */
  readonly fileBytes: number
  readonly freeBytes: number
  /** The log since the last checkpoint, and the tree behind it: pages with all that is in them. */
  readonly logBytes: number
  readonly treeBytes: number
  readonly runs: number
  readonly runsByStatus: Readonly<Record<string, number>>
  readonly runsByNamespace: Readonly<Record<string, number>>
  /** Inputs of all runs: starts, signals, results, timers. */
  readonly inputs: number
  /** What is in use of the file, divided by the inputs. */
  readonly bytesPerInput: number
  /** What the tree has, by what it is. */
  readonly tables: Readonly<Record<string, EntrySizes>>
  readonly largest: readonly LargeHistory[]
}

/**
 * What a data folder holds and how much room it takes, whether it is open elsewhere or not.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE, SIGNALBOX_ERR_JOURNAL_CORRUPT
 */
export async function dataStats(
  dataDir: string,
  options: {
    readonly largest: number
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  },
): Promise<DataStats> {
  const snapshot = await openSnapshot(dataDir)
  try {
    const sizes = snapshot.trees.sizes()
    const { tables, largest } = measureTree(snapshot, options)
    const runsByStatus: Record<string, number> = {}
    const runsByNamespace: Record<string, number> = {}
    let runs = 0
    let inputs = 0
    for (const { key, row } of storedRuns(snapshot.reads)) {
      runs++
      runsByStatus[row.status] = (runsByStatus[row.status] ?? 0) + 1
      runsByNamespace[row.namespace] = (runsByNamespace[row.namespace] ?? 0) + 1
      inputs += snapshot.reads.runState(key)?.head ?? 0
    }
    const format = await readFormat(dataDir)
    const owner = await livingOwner(dataDir)
    const usedBytes = (sizes.filePages - sizes.freePages) * sizes.pageBytes
    return {
      format: format?.format ?? 0,
      shards: format?.shards ?? 0,
      ...(owner === undefined ? {} : { owner: describeOwner(owner) }),
      fileBytes: sizes.filePages * sizes.pageBytes,
      freeBytes: sizes.freePages * sizes.pageBytes,
      logBytes: sizes.log.pages * sizes.pageBytes,
      treeBytes: sizes.data.pages * sizes.pageBytes,
      runs,
      runsByStatus,
      runsByNamespace,
      inputs,
      bytesPerInput: inputs === 0 ? 0 : Math.round((usedBytes / inputs) * 10) / 10,
      tables,
      largest,
    }
  } finally {
    await snapshot.close()
  }
}

function measureTree(
  snapshot: JournalSnapshot,
  { largest: wanted, onProgress }: Parameters<typeof dataStats>[1],
): { tables: Record<string, EntrySizes>; largest: LargeHistory[] } {
  const { trees, recovered } = snapshot
  const total = trees.sizes().data.entries
  const tables: Record<string, EntrySizes> = {}
  const inLog = new Map<number, number>()
  for (const { value } of trees.log.entries(logRowKey(recovered.checkpoint.row), logRowsEnd)) {
    for (let offset = 0; isFrame(value, offset); offset += frameBytes(value, offset)) {
      const run = frameRun(value, offset)
      if (run > 0) inLog.set(run, (inLog.get(run) ?? 0) + frameBytes(value, offset))
    }
  }
  const top = new Largest(wanted)
  let run = 0
  let bytes = 0
  let done = 0
  const endRun = (): void => {
    if (run > 0) top.add(run, bytes + (inLog.get(run) ?? 0))
    inLog.delete(run)
  }
  for (const { key, value } of trees.data.entries(Buffer.of(0), Buffer.of(255))) {
    done++
    if (done % 1_024 === 0) onProgress?.(done, total)
    const table = (tables[tableOf(key)] ??= { entries: 0, bytes: 0 })
    table.entries++
    table.bytes += key.length + value.length
    if (dataKeyKind(key) !== 'run') continue
    const of = runOfRunKey(key)
    if (of !== run) {
      endRun()
      run = of
      bytes = 0
    }
    bytes += value.length
  }
  endRun()
  for (const [of, size] of inLog) top.add(of, size)
  return { tables, largest: top.runs.flatMap(([of, size]) => describe(snapshot, of, size)) }
}

function describe({ reads }: JournalSnapshot, key: number, bytes: number): LargeHistory[] {
  const found = storedRun(reads, key)
  if (found === undefined) return []
  const { namespace, workflowId, runId, workflowType, status } = found.row
  const inputs = reads.runState(key)?.head ?? 0
  return [{ namespace, workflowId, runId, workflowType, status, bytes, inputs }]
}

/** What an entry of the tree is: histories, request ids, or the name of a table of rows. */
function tableOf(key: Uint8Array): string {
  switch (dataKeyKind(key)) {
    case 'run':
      return 'histories'
    case 'requests':
    case 'requestFilter':
      return 'requestIds'
    case 'row':
      return tableNames.get(key[1] ?? 0) ?? `table${key[1]}`
    default:
      return 'unknown'
  }
}

const tableNames = new Map<number, string>(
  Object.entries(RowTable).map(([name, table]) => [table, name]),
)

/** The largest of many, in order. */
class Largest {
  readonly #wanted: number
  runs: (readonly [run: number, bytes: number])[] = []

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  add(run: number, bytes: number): void {
    const least = this.runs.at(-1)
    if (this.runs.length >= this.#wanted && (least === undefined || bytes <= least[1])) return
    this.runs = [...this.runs, [run, bytes] as const]
      .sort((a, b) => b[1] - a[1])
      .slice(0, this.#wanted)
  }
}
