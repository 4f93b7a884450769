import { Packr } from 'msgpackr'
import type { Command } from './commands.ts'
import { EncodedInput, joinInputs } from './encoded-inputs.ts'
import { type Input, InputKind } from './inputs.ts'
import { isStoredStart, readStart, storeStart, type StoredStart } from './stored-start.ts'

/**
 * The one codec of journal records and frame bodies. Plain msgpack without record extensions, so
 * that a record can be read without any structure table kept beside it; the frequent shapes are
 * tuples, which need no field names.
 */
const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true })

/** The commands of one turn, with the number of the last input that the turn handled. */
export type TurnCommands = readonly [seq: number, commands: readonly Command[]]

export function encode(value: unknown): Uint8Array {
  return packr.pack(value)
}

// The caller knows what it wrote: the type is its claim, and the checksum the evidence.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function decode<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T
}

/** An input that is to be written: one that another run's record has is copied from there. */
export type WrittenInput = Input | EncodedInput

export function encodeInputs(inputs: readonly WrittenInput[]): Uint8Array {
  return inputs.some((input) => input instanceof EncodedInput)
    ? joinInputs(inputs, encodeInput)
    : encodePlain(inputs as readonly Input[])
}

function encodeInput(input: Input): Uint8Array {
  return packr.pack(input[0] === InputKind.started ? storeStart(input) : input)
}

function encodePlain(inputs: readonly Input[]): Uint8Array {
  const first = inputs[0]
  // Only the first input of a run is its start.
  if (first?.[0] !== InputKind.started) return packr.pack(inputs)
  return packr.pack([storeStart(first), ...inputs.slice(1)])
}

export function decodeInputs(bytes: Uint8Array): readonly Input[] {
  const inputs = packr.unpack(bytes) as (Input | StoredStart)[]
  const first = inputs[0]
  if (first !== undefined && isStoredStart(first)) inputs[0] = readStart(first)
  return inputs as Input[]
}

/** `historyLength` is the number of events after the last of these turns. */
export function encodeCommands(historyLength: number, turns: readonly TurnCommands[]): Uint8Array {
  return packr.pack([historyLength, turns])
}

export interface CommandsRecord {
  readonly historyLength: number
  readonly turns: readonly TurnCommands[]
}

export function decodeCommands(bytes: Uint8Array): CommandsRecord {
  const [historyLength, turns] = packr.unpack(bytes) as [number, TurnCommands[]]
  return { historyLength, turns }
}
