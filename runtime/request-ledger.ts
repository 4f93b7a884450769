import { type Input, InputKind } from '../actors/inputs.ts'
import type { Payload } from '../actors/payload.ts'
import { decodeInputs } from '../actors/records.ts'
import type { CodecChain } from './payload-codec.ts'
import { SignalboxError } from './errors.ts'
import { type Journal, RecordKind } from './journal.ts'
import { requestHash, type RequestOperation } from './request-hash.ts'
import type { Run } from './run.ts'
import type { RunTable } from './run-table.ts'

/** An earlier request with the same id. */
export interface EarlierRequest {
  readonly run: Run
  readonly input: Input
  /** Its number; undefined while it waits to be numbered. */
  readonly seq: number | undefined
}

interface Uncommitted {
  readonly run: Run
  readonly input: Input
}

/**
 * Request ids: which were used for which workflow, so that a retry is not applied twice.
 *
 * Guarantee: while the run that took a request exists, the same id for the same workflow id and
 * operation finds it, across restarts and continue-as-new; a hash alone is never trusted, the
 * record decides.
 */
export class RequestLedger {
  readonly #journal: Journal
  readonly #runs: RunTable
  /** Requests accepted and not in the journal yet, by hash. */
  readonly #uncommitted = new Map<number, Uncommitted[]>()

  constructor(journal: Journal, runs: RunTable) {
    this.#journal = journal
    this.#runs = runs
  }

  /** The earlier request with this id, if there is one. */
  find(
    operation: RequestOperation,
    namespace: string,
    workflowId: string,
    requestId: string,
  ): EarlierRequest | undefined {
    const hash = requestHash(operation, namespace, workflowId, requestId)
    for (const { run, input } of this.#uncommitted.get(hash) ?? []) {
      if (requestIdOf(input, operation) === requestId && isOf(run, namespace, workflowId)) {
        return { run, input, seq: undefined }
      }
    }
    let found: EarlierRequest | undefined
    for (const { run: key, seq } of this.#journal.findRequest(hash)) {
      const run = this.#runs.byKey(key)
      if (run === undefined || !isOf(run, namespace, workflowId)) continue
      const input = readInput(this.#journal, key, seq)
      if (input === undefined || requestIdOf(input, operation) !== requestId) continue
      // A signal that continue-as-new carried over is in several runs: the last one has it now.
      if (found === undefined || found.run.key < key) found = { run, input, seq }
    }
    return found
  }

  /** Remember a request whose input is about to be accepted as the run's next one. */
  add(run: Run, operation: RequestOperation, requestId: string, input: Input): number {
    const hash = requestHash(operation, run.row.namespace, run.row.workflowId, requestId)
    run.pendingRequests ??= []
    const pending = run.pendingRequests as (readonly [number, number])[]
    pending.push([run.pending.length, hash])
    const entries = this.#uncommitted.get(hash)
    if (entries === undefined) this.#uncommitted.set(hash, [{ run, input }])
    else entries.push({ run, input })
    return hash
  }

  /** The journal has it now. */
  committed(hash: number, input: Input): void {
    const entries = this.#uncommitted.get(hash)
    if (entries === undefined) return
    const rest = entries.filter((entry) => entry.input !== input)
    if (rest.length === 0) this.#uncommitted.delete(hash)
    else this.#uncommitted.set(hash, rest)
  }
}

/** @throws SIGNALBOX_ERR_REQUEST_ID_REUSED unless the earlier signal is the same one */
export function checkSameSignal(
  earlier: Input,
  name: string,
  args: readonly Payload[],
  requestId: string,
): void {
  const same =
    earlier[0] === InputKind.signaled && earlier[2] === name && samePayloads(earlier[3], args)
  if (!same) throw reused(requestId)
}

/** @throws SIGNALBOX_ERR_REQUEST_ID_REUSED unless the earlier start is the same one */
export function checkSameStart(
  earlier: Input,
  workflowType: string,
  args: readonly Payload[],
  requestId: string,
): void {
  const same =
    earlier[0] === InputKind.started &&
    earlier[2].workflowType === workflowType &&
    samePayloads(earlier[2].args, args)
  if (!same) throw reused(requestId)
}

/**
 * With payload codecs, what comes of the check: `check` with what both requests were before they were
 * encoded, since a codec that encrypts gives something else each time. Nothing about them is kept in
 * the journal for that, not even a hash, which would tell equal payloads from others.
 */
export async function checkSameDecoded(
  codec: CodecChain,
  earlier: Input,
  args: readonly Payload[],
  check: (earlier: Input, args: readonly Payload[]) => void,
): Promise<void> {
  const [[decoded], plain] = await Promise.all([
    codec.decodeInputs([earlier]),
    codec.decodeList(args),
  ])
  check(decoded ?? earlier, plain)
}

function reused(requestId: string): SignalboxError {
  return new SignalboxError(
    'SIGNALBOX_ERR_REQUEST_ID_REUSED',
    `request id ${requestId} was used before for this workflow with another name or payload; ` +
      'use a new id for a new request.',
    { fields: { requestId } },
  )
}

function isOf(run: Run, namespace: string, workflowId: string): boolean {
  return run.row.workflowId === workflowId && run.row.namespace === namespace
}

function requestIdOf(input: Input, operation: RequestOperation): string | undefined {
  const request = requestOf(input)
  return request?.[0] === operation ? request[1] : undefined
}

/** The request id that an input came with, and what it was given for. */
function requestOf(
  input: Input,
): readonly [operation: RequestOperation, id: string | undefined] | undefined {
  switch (input[0]) {
    case InputKind.started:
      return ['start', input[2].requestId]
    case InputKind.signaled:
      return ['signal', input[4]?.requestId]
    case InputKind.paused:
      return ['pause', input[2].requestId]
    case InputKind.unpaused:
      return ['unpause', input[2].requestId]
    case InputKind.reset:
      return ['reset', input[2].requestId]
    default:
      return undefined
  }
}

/** The request ids of some inputs of a run, from number `firstSeq` on, as a record of them has them. */
export function requestHashes(
  { namespace, workflowId }: { readonly namespace: string; readonly workflowId: string },
  inputs: readonly Input[],
  firstSeq: number,
): number[] {
  const hashes: number[] = []
  for (const [at, input] of inputs.entries()) {
    const [operation, id] = requestOf(input) ?? []
    if (operation === undefined || id === undefined) continue
    hashes.push(requestHash(operation, namespace, workflowId, id), firstSeq + at)
  }
  return hashes
}

/** One input of a run from the journal. */
export function readInput(journal: Journal, run: number, seq: number): Input | undefined {
  for (const record of journal.readRun(run, seq)) {
    if (record.kind !== RecordKind.inputs || record.seq + record.count <= seq) continue
    return decodeInputs(record.bytes)[seq - record.seq]
  }
  return undefined
}

function samePayloads(a: readonly Payload[], b: readonly Payload[]): boolean {
  return a.length === b.length && a.every((payload, i) => samePayload(payload, b[i] ?? null))
}

function samePayload(a: Payload, b: Payload): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a === 'string' || typeof b === 'string') return false
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  const names = Object.keys(a.metadata)
  return (
    Buffer.compare(a.data, b.data) === 0 &&
    names.length === Object.keys(b.metadata).length &&
    names.every((name) => {
      const [left, right] = [a.metadata[name], b.metadata[name]]
      return left !== undefined && right !== undefined && Buffer.compare(left, right) === 0
    })
  )
}
