import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { lossyNumberAt, sendAsText } from '../json-numbers.ts'

const units: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
}
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g

/** A duration as Temporal's command line takes it, such as 30s or 1h30m: as the API takes it. */
export function durationFlag(value: string): string {
  return `${Number(secondsOf(value).toFixed(3))}s`
}

/** The same, as a whole number of milliseconds that a timer can wait. */
export function millisecondsFlag(value: string): number {
  return Math.min(Math.round(secondsOf(value) * 1000), 2 ** 31 - 1)
}

function secondsOf(value: string): number {
  const parts = [...value.matchAll(part)]
  if (parts.length === 0 || parts.map(([text]) => text).join('') !== value) {
    throw new InvalidArgumentError('Give a duration such as 500ms, 30s or 1h30m.')
  }
  return parts.reduce((sum, [, n, unit = 's']) => sum + Number(n) * (units[unit] ?? 1), 0)
}

/** For flags that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

/** JSON arguments: those of --input, then the files of --input-file, each one argument. */
export function inputValues(
  values: readonly string[] = [],
  files: readonly string[] = [],
): readonly unknown[] {
  const ofFiles = files.map((file) => jsonValue(readText(file), `the file ${file}`))
  return [...values.map((value) => jsonValue(value, `--input ${value}`)), ...ofFiles]
}

function jsonValue(text: string, what: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError(
      `${what} is not JSON. Text needs quotes of its own: --input '"text"'.`,
    )
  }
  checkNumbers(text, what)
  return value
}

function checkNumbers(json: string, what: string): void {
  if (lossyNumberAt(json) === undefined) return
  throw new InvalidArgumentError(
    `${what} has a number that would become another one: ${sendAsText}.`,
  )
}

/** `key=value` pairs, whose values are JSON or else text. Undefined if there are none. */
export function pairs(
  given: readonly string[] | undefined,
  flag: string,
): Readonly<Record<string, unknown>> | undefined {
  if (given === undefined || given.length === 0) return undefined
  const entries = given.map((pair): [string, unknown] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new InvalidArgumentError(`${flag} ${pair}: give it as key=value.`)
    const text = pair.slice(at + 1)
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return [pair.slice(0, at), text]
    }
    checkNumbers(text, `${flag} ${pair}`)
    return [pair.slice(0, at), value]
  })
  return Object.fromEntries(entries)
}

export function wholeNumber(from: number, to: number) {
  return (value: string): number => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < from || number > to) {
      throw new InvalidArgumentError(`Give a whole number from ${from} to ${to}.`)
    }
    return number
  }
}

function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new InvalidArgumentError(`The file cannot be read: ${reason}`)
  }
  // Decoding would put other characters in the place of what is not.
  if (!isUtf8(bytes)) throw new InvalidArgumentError(`The file ${file} is not UTF-8.`)
  return bytes.toString('utf8')
}
