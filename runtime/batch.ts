import { bytesOfInput } from '../actors/history-length.ts'
import { EncodedInput } from '../actors/encoded-inputs.ts'
import { encodeInputs, type WrittenInput } from '../actors/records.ts'
import { type JournalBatch, type NewRecord, RecordKind } from './journal.ts'
import type { Run } from './run.ts'

/** About how large a record of inputs gets before the next one begins. */
const RECORD_BYTES = 16 * 1024
/** What an input counts beside its bytes, so that a full record with the hashes of its request ids fits a row of the log. */
const HEAD_BYTES = 20

/** What one commit makes durable: the inputs of some runs, and what belongs to them. */
export class Batch implements JournalBatch {
  /** They have pending inputs. */
  readonly dirtyRuns: Run[] = []
  readonly records: NewRecord[] = []
  readonly rows: (readonly [key: Uint8Array, value: Uint8Array | null])[] = []
  readonly deletedRuns: number[] = []
  readonly effects: (() => void)[] = []
  /** About what its inputs take in memory until they are durable. */
  bytes = 0
  /** The run of each record of inputs, from the record `firstInput` on. Empty until they are numbered. */
  readonly owners: Run[] = []
  firstInput = 0
  /** When its first input was accepted, of performance.now; -1 without inputs. */
  acceptedAt = -1
  /** Settles when it is committed. Whoever waits has the rejection. */
  readonly durable: Promise<undefined>
  resolve!: () => void
  reject!: (error: Error) => void

  constructor() {
    this.durable = new Promise<undefined>((resolve, reject) => {
      this.resolve = () => resolve(undefined)
      this.reject = reject
    })
    // An input that nobody waits for must not end the process.
    this.durable.catch(() => undefined)
  }

  get isEmpty(): boolean {
    return (
      this.dirtyRuns.length === 0 &&
      this.records.length === 0 &&
      this.rows.length === 0 &&
      this.deletedRuns.length === 0 &&
      this.effects.length === 0
    )
  }

  /** Give all inputs their numbers and make records of them. Nothing is accepted into it after that. */
  number(): void {
    this.firstInput = this.records.length
    for (const run of this.dirtyRuns) this.#numberInputs(run)
  }

  /**
   * Give the run's pending inputs their numbers and make records of them: one, or several of some
   * {@link RECORD_BYTES}, since the store keeps a larger one in contiguous pages.
   */
  #numberInputs(run: Run): void {
    const inputs = run.takePending()
    const seq = run.head + 1
    run.dirty = false
    run.head += inputs.length
    run.numberPendingWaiters(seq)
    const requests = run.pendingRequests ?? NO_REQUESTS
    run.pendingRequests = undefined
    let start = 0
    let request = 0
    while (start < inputs.length) {
      const end = endOfRecord(inputs, start)
      this.owners.push(run)
      // They ascend, so each record goes on where the one before it ended.
      const from = request
      while (request < requests.length && (requests[request] as PendingRequest)[0] < end) request++
      this.records.push({
        run: run.key,
        kind: RecordKind.inputs,
        seq: seq + start,
        count: end - start,
        bytes: encodeInputs(inputs.length === end - start ? inputs : inputs.slice(start, end)),
        requests:
          from === request
            ? undefined
            : requests.slice(from, request).flatMap(([index, hash]) => [hash, seq + index]),
      })
      start = end
    }
  }
}

type PendingRequest = readonly [index: number, hash: number]

const NO_REQUESTS: readonly PendingRequest[] = []

/** Where the record that begins with input `start` ends: it has at least one input. */
function endOfRecord(inputs: readonly WrittenInput[], start: number): number {
  if (inputs.length === 1) return 1
  let bytes = 0
  let end = start
  while (end < inputs.length && (bytes < RECORD_BYTES || end === start)) {
    const input = inputs[end] as WrittenInput
    bytes +=
      input instanceof EncodedInput ? input.end - input.start + HEAD_BYTES : bytesOfInput(input)
    end++
  }
  return end
}
