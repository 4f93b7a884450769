import type { Committer } from './committer.ts'
import type { Journal } from './journal.ts'
import type { RunRow } from './run-row.ts'
import { builtKey, entryKey, type Place, placeOf } from './visibility-keys.ts'
import { VisibilityCounts } from './visibility-counts.ts'
import { attributeTerms, lastingTerms, stateTerms } from './visibility-terms.ts'

/** Grows when terms are made in another way: the index of an older folder is then built anew. */
export const INDEX_VERSION = 1

const MAX_KNOWN_TYPES = 1_000

/**
 * Keeps what runs are found by in step with their rows.
 *
 * Guarantee: the rows of the index are put into the batch that has the run's row, so after a crash both
 * are there or neither is. A signal changes no run's row and costs nothing here; a start costs two rows,
 * an end four, and each value of a search attribute one.
 */
export class VisibilityIndex {
  readonly #committer: Committer
  readonly #counts: VisibilityCounts
  /** By namespace and type. */
  readonly #termsOfTypes = new Map<string, Map<string, readonly Buffer[]>>()
  #isMarked: boolean

  constructor(journal: Journal, committer: Committer) {
    this.#committer = committer
    this.#counts = new VisibilityCounts(journal, committer)
    // With runs and without the mark it is built before the first change; see visibility-build.ts.
    this.#isMarked = journal.nextRun > 1
  }

  /** A run's row is written for the first time. */
  add(run: number, row: RunRow): void {
    if (!this.#isMarked) {
      this.#isMarked = true
      this.#committer.putRow(builtKey, Buffer.of(INDEX_VERSION))
    }
    const place = placeOf(run, row.startTime)
    for (const term of this.#startTerms(row)) this.#put(term, place)
    this.#counts.add(row, 1)
  }

  /** A run's row is written again. */
  change(run: number, before: RunRow, row: RunRow): void {
    const place = placeOf(run, row.startTime)
    if (before.status !== row.status || before.closeTime !== row.closeTime) {
      this.#replace(place, stateTerms(before), stateTerms(row))
      this.#counts.add(before, -1)
      this.#counts.add(row, 1)
    }
    if (before.searchAttributes !== row.searchAttributes || before.patches !== row.patches) {
      this.#replace(place, attributeTerms(before), attributeTerms(row))
    }
  }

  /** A run's row is deleted. */
  remove(run: number, row: RunRow): void {
    const place = placeOf(run, row.startTime)
    for (const term of termsOf(row)) this.#committer.deleteRow(entryKey(term, place))
    this.#counts.add(row, -1)
  }

  /** Most runs start with a status and a type and nothing else: those are made once. */
  #startTerms(row: RunRow): readonly Buffer[] {
    const { namespace, workflowType, status } = row
    if (row.parent !== undefined || row.searchAttributes !== undefined || status !== 'RUNNING') {
      return termsOf(row)
    }
    let types = this.#termsOfTypes.get(namespace)
    if (types === undefined || types.size >= MAX_KNOWN_TYPES) {
      types = new Map()
      this.#termsOfTypes.set(namespace, types)
    }
    let terms = types.get(workflowType)
    if (terms === undefined) {
      terms = termsOf(row)
      types.set(workflowType, terms)
    }
    return terms
  }

  #replace(place: Place, before: readonly Buffer[], after: readonly Buffer[]): void {
    for (const term of before) {
      if (!includes(after, term)) this.#committer.deleteRow(entryKey(term, place))
    }
    for (const term of after) {
      if (!includes(before, term)) this.#put(term, place)
    }
  }

  #put(term: Buffer, place: Place): void {
    this.#committer.putRow(entryKey(term, place), NO_VALUE)
  }
}

/** All terms of a run. */
export function termsOf(row: RunRow): Buffer[] {
  return [...stateTerms(row), ...lastingTerms(row), ...attributeTerms(row)]
}

function includes(terms: readonly Buffer[], term: Buffer): boolean {
  return terms.some((other) => other.equals(term))
}

const NO_VALUE = new Uint8Array(0)
