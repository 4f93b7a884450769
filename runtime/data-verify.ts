import { decode, decodeCommands, decodeInputs } from '../actors/records.ts'
import { type Input, InputKind } from '../actors/inputs.ts'
import { matchesChecksum } from './backup-checksum.ts'
import { SignalboxError } from './errors.ts'
import { openSnapshot, SnapshotTrees } from './journal-snapshot.ts'
import { type JournalReads, RecordKind } from './journal.ts'
import { scanTrees } from './journal-scan.ts'
import {
  activityOfKey,
  closedOfKey,
  removedKey,
  RowTable,
  runKey,
  runOfKey,
  workflowIdKey,
} from './row-keys.ts'
import { decodeRunRow, type RunRow } from './run-row.ts'
import { runOfRunId } from './run-id.ts'
import { decodeRunNumber } from './run-table.ts'
import { type StoredRun, streamHistory } from './stored-runs.ts'
import { VisibilityCheck } from './visibility-check.ts'
import { isOpenStatus } from './workflow-status.ts'

/** Something that is not as it was written, or does not fit the rest. */
export interface Damage {
  /** Where: a row of the log, a run with an input, a row of a table. */
  readonly place: string
  readonly problem: string
  /** Of which run, if that can be told. */
  readonly workflowId?: string
  readonly runId?: string
}

export interface VerifyReport {
  readonly runs: number
  readonly records: number
  readonly rows: number
  readonly events: number
  readonly damages: number
}

export interface VerifyOptions {
  readonly onDamage: (damage: Damage) => void
  /** How much of all is done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Look at everything that a data folder holds, whether it is open elsewhere or not: every checksum, that
 * the inputs of each run follow one another without a gap, that tables, the index of lists and
 * histories say the same, and that every history can be written out. Rows of tables have no checksum of their own: of them only what
 * does not fit is found.
 *
 * @throws SignalboxError with SIGNALBOX_ERR_DATA_DIR_INCOMPATIBLE if it is no data folder
 */
export async function verifyData(dataDir: string, options: VerifyOptions): Promise<VerifyReport> {
  const verifier = new Verifier(options)
  await verifier.checkFile(dataDir)
  const trees = await SnapshotTrees.open(dataDir)
  let canRead: boolean
  try {
    canRead = verifier.scan(trees)
  } finally {
    await trees.close()
  }
  if (!canRead) return verifier.report
  const snapshot = await openSnapshot(dataDir)
  try {
    verifier.check(snapshot.reads)
  } finally {
    await snapshot.close()
  }
  return verifier.report
}

class Verifier {
  readonly #options: VerifyOptions
  #runs = 0
  #records = 0
  #rows = 0
  #events = 0
  #damages = 0
  /** Runs of which a record is known to be damaged: reading them finds that again. */
  readonly #damagedRuns = new Set<number>()

  constructor(options: VerifyOptions) {
    this.#options = options
  }

  get report(): VerifyReport {
    return {
      runs: this.#runs,
      records: this.#records,
      rows: this.#rows,
      events: this.#events,
      damages: this.#damages,
    }
  }

  /** Of a backup that was never opened: that its file is the one that was made. */
  async checkFile(dataDir: string): Promise<void> {
    if ((await matchesChecksum(dataDir)) !== false) return
    const problem = 'is not as the backup was made: its SHA-256 is not the one in backup.sha256'
    this.#tell({ place: 'the file journal/data.mdb', problem })
  }

  /** @returns false if a runtime could not open the folder either */
  scan(trees: SnapshotTrees): boolean {
    return scanTrees(trees, {
      onProgress: (done, total) => this.#options.onProgress?.(done, total * 2),
      onDamage: (place, problem, run) => {
        if (run !== undefined) this.#damagedRuns.add(run)
        this.#tell({ place, problem })
      },
    })
  }

  check(reads: JournalReads): void {
    const lists = new VisibilityCheck(reads, (key, problem) => {
      this.#tell({ place: placeOf(key), problem })
    })
    for (const [key, value] of reads.rows({ start: Buffer.of(0), end: Buffer.of(255) })) {
      this.#rows++
      try {
        this.#checkRow(reads, Buffer.from(key), value, lists)
      } catch (error) {
        if (key[0] === RowTable.run) lists.addRun(runOfKey(key), undefined)
        this.#tell({ place: placeOf(key), problem: `cannot be read: ${messageOf(error)}` })
      }
    }
    lists.finish()
    const total = reads.nextRun - 1
    for (let run = 1; run <= total; run++) {
      this.#options.onProgress?.(total + run, total * 2)
      this.#checkRun(reads, run)
    }
  }

  #checkRow(reads: JournalReads, key: Buffer, value: Uint8Array, lists: VisibilityCheck): void {
    const bad = (problem: string): void => this.#tell({ place: placeOf(key), problem })
    switch (key[0]) {
      case RowTable.workflowId: {
        const run = decodeRunNumber(value)
        const row = rowOf(reads, run)
        if (row === undefined) return bad(`names run ${run}, which is not there`)
        if (!workflowIdKey(row.namespace, row.workflowId).equals(key))
          bad(`names run ${run}, which is of the workflow ${row.workflowId}`)
        return
      }
      case RowTable.run: {
        const row = decodeRunRow(value)
        const run = runOfKey(key)
        if (runOfRunId(row.runId) !== run) bad(`has the run id ${row.runId}, of another run`)
        lists.addRun(run, row)
        return
      }
      case RowTable.activity: {
        const { run } = activityOfKey(key)
        if (value.length > 0) decode(value)
        const row = rowOf(reads, run)
        if (row === undefined || !isOpenStatus(row.status)) {
          bad(`is an activity of run ${run}, which is not open`)
        }
        return
      }
      case RowTable.update: {
        decode(value)
        const run = runOfKey(key)
        if (rowOf(reads, run) === undefined && reads.getRow(removedKey(run)) === undefined) {
          bad(`is an update of run ${run}, which is not there`)
        }
        return
      }
      case RowTable.link:
        decode(value)
        return
      case RowTable.closed: {
        const { run, namespace, closeTime } = closedOfKey(key)
        const row = rowOf(reads, run)
        if (row?.closeTime !== closeTime || row.namespace !== namespace) {
          bad(`says that run ${run} has closed at that time, and it has not`)
        }
        return
      }
      case RowTable.visibility:
        lists.addEntry()
        return
      default:
    }
  }

  #checkRun(reads: JournalReads, key: number): void {
    let row: RunRow | undefined
    try {
      row = rowOf(reads, key)
    } catch {
      // Told above.
      return
    }
    const bad = (problem: string, seq?: number): void => {
      const of = row === undefined ? {} : { workflowId: row.workflowId, runId: row.runId }
      const at = seq === undefined ? '' : `, input ${seq}`
      this.#tell({ place: `run ${key}${at}`, problem, ...of })
    }
    try {
      const first = this.#readRecords(reads, key, bad)
      if (row === undefined) {
        if (first !== undefined) bad('has a history and no summary')
        return
      }
      this.#runs++
      if (first === undefined) return bad('has a summary and no history')
      this.#checkSummary(reads, { key, row }, first, bad)
      for (const _event of streamHistory(reads, { key, row })) this.#events++
    } catch (error) {
      const isKnown =
        this.#damagedRuns.has(key) &&
        error instanceof SignalboxError &&
        error.code === 'SIGNALBOX_ERR_JOURNAL_CORRUPT'
      if (!isKnown) bad(messageOf(error))
    }
  }

  /** That each record follows from those before it. @returns the first input */
  #readRecords(
    reads: JournalReads,
    key: number,
    bad: (problem: string, seq?: number) => void,
  ): Input | undefined {
    let first: Input | undefined
    let head = 0
    let processed = 0
    for (const { kind, seq, count, bytes } of reads.readRun(key, 1)) {
      this.#records++
      if (kind === RecordKind.inputs) {
        const inputs = decodeInputs(bytes)
        if (seq !== head + 1) bad(`follows input ${head}`, seq)
        if (inputs.length !== count) bad(`has ${inputs.length} inputs and not ${count}`, seq)
        first ??= inputs[0]
        head = seq + count - 1
        continue
      }
      if (kind === RecordKind.commands) {
        const last = seq + count - 1
        for (const [turn] of decodeCommands(bytes).turns) {
          if (turn < seq || turn > last) bad(`has commands of turn ${turn}`, seq)
        }
        processed = Math.max(processed, last)
      } else processed = Math.max(processed, seq)
      if (processed > head) bad(`tells of turn ${processed}, and the last input is ${head}`, seq)
    }
    const state = reads.runState(key)
    if (first !== undefined && (state?.head !== head || state.processed !== processed)) {
      bad(
        `its state says ${state?.head ?? 0} inputs, ${state?.processed ?? 0} handled; its records say ${head} and ${processed}`,
      )
    }
    return first
  }

  #checkSummary(
    reads: JournalReads,
    { key, row }: StoredRun,
    first: Input,
    bad: (problem: string) => void,
  ): void {
    if (first[0] !== InputKind.started) return bad('does not begin with its start')
    const started = first[2]
    for (const name of ['namespace', 'workflowId', 'runId', 'workflowType', 'taskQueue'] as const) {
      if (started[name] !== row[name]) {
        bad(`its summary has the ${name} ${row[name]}, its start ${started[name]}`)
      }
    }
    const { head = 0 } = reads.runState(key) ?? {}
    const isOpen = isOpenStatus(row.status)
    if (!isOpen && row.closeTime === undefined) bad('is closed and has no close time')
    if (row.closeSeq > head) bad(`closed with turn ${row.closeSeq}, and has ${head} inputs`)
  }

  #tell(damage: Damage): void {
    this.#damages++
    this.#options.onDamage(damage)
  }
}

function rowOf(reads: JournalReads, run: number): RunRow | undefined {
  const value = reads.getRow(runKey(run))
  return value === undefined ? undefined : decodeRunRow(value)
}

function placeOf(key: Uint8Array): string {
  const names = Object.entries(RowTable).find(([, table]) => table === key[0])
  return `row ${Buffer.from(key.subarray(1)).toString('hex')} of the table ${names?.[0] ?? String(key[0])}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
