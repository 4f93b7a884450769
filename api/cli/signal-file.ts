import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiClient, refused, responseOf, textOf, unreachable } from './api-client.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { plain, type Printer } from './printer.ts'
import { ProgressBar } from './progress-bar.ts'

/** Pauses before the connection is made again; with no line answered in between, then it ends. */
const retryPausesMs = [500, 1000, 2000, 4000, 8000]
/** Refused lines that are shown; the others are counted. */
const maxShown = 20
const newline = Buffer.from('\n')
/** google.rpc codes of what may succeed later: RESOURCE_EXHAUSTED, UNAVAILABLE. */
const retryable: ReadonlySet<number> = new Set([8, 14])

interface LineAnswer {
  readonly line?: number
  readonly error?: { readonly code: number; readonly message: string }
}

interface FileFacts {
  readonly key: string
  readonly lines: number
}

/**
 * Send a file with a signal on each line, and tell of the lines that were refused.
 *
 * Guarantee: nothing is applied twice. Each line without a request id of its own gets one made of
 * the whole file's contents and its number, so whatever was sent before a connection broke, a
 * process was killed or the command was given again, changes nothing when it is sent again. A line
 * that is refused for want of room is sent again before those behind it.
 *
 * @throws CliError with exit code 4 if lines were refused, 2 if the server stays away
 */
export async function sendSignalFile(
  client: ApiClient,
  file: string,
  idempotencyKey: string | undefined,
  printer: Printer,
): Promise<void> {
  const facts = await readFacts(file)
  const sender = new FileSender(client, file, idempotencyKey ?? facts.key, facts.lines)
  await sender.send()
  const { sent, refusedLines } = sender
  const json = JSON.stringify({ file, sent, refused: refusedLines })
  printer.record('Signals:', { File: file, Sent: sent, Refused: refusedLines }, json)
  if (refusedLines > 0) {
    throw new CliError(
      `${refusedLines} lines of ${file} were refused; mend them and send the rest as a file of ` +
        'its own, or the whole file again with --idempotency-key and the same key.' +
        `\nThe key of this file was ${sender.key}`,
      exitCodes.linesRefused,
    )
  }
}

class FileSender {
  readonly key: string
  sent = 0
  refusedLines = 0
  readonly #client: ApiClient
  readonly #file: string
  readonly #bar: ProgressBar
  /** The next line that has no answer, counted from 1. */
  #next = 1

  constructor(client: ApiClient, file: string, key: string, lines: number) {
    this.#client = client
    this.#file = file
    this.key = key
    this.#bar = new ProgressBar(lines)
  }

  async send(): Promise<void> {
    let attempt = 0
    for (;;) {
      const before = this.#next
      const problem = await this.#sendRest().then(
        () => undefined,
        (error: unknown) => error,
      )
      if (problem === undefined) break
      if (!(problem instanceof CliError) || problem.exitCode !== exitCodes.unavailable) {
        this.#bar.end()
        throw problem
      }
      attempt = this.#next > before ? 0 : attempt + 1
      const pause = retryPausesMs[attempt]
      if (pause === undefined) {
        this.#bar.end()
        throw new CliError(
          `${problem.message}\nAll lines before ${this.#next} are done. Give the same command ` +
            'again to go on: nothing is applied twice.',
          exitCodes.unavailable,
        )
      }
      await delay(pause)
    }
    this.#bar.end()
  }

  /** Send what has no answer yet. Rejects with exit code 2 if it is worth trying again. */
  async #sendRest(): Promise<void> {
    const first = this.#next
    const outgoing = this.#client.open('POST', this.#client.url('/signals'), {
      'content-type': 'application/x-ndjson',
    })
    const address = this.#client.connection.address
    const response = responseOf(outgoing)
    const lines = Readable.from(this.#lines(first), { objectMode: false })
    const sending = pipeline(lines, outgoing).catch((error: unknown) => error)
    try {
      await this.#readAnswers(await response, first)
    } catch (error) {
      throw error instanceof CliError ? error : unreachable(address, error)
    } finally {
      outgoing.destroy()
      await sending
    }
  }

  async #readAnswers(response: IncomingMessage, first: number): Promise<void> {
    if (response.statusCode !== 200) {
      throw refused(response.statusCode ?? 0, await textOf(response))
    }
    for await (const text of createInterface({ input: response, crlfDelay: Infinity })) {
      const { line, error } = JSON.parse(text) as LineAnswer
      if (error !== undefined && (line === undefined || retryable.has(error.code))) {
        throw new CliError(error.message, exitCodes.unavailable)
      }
      const number = first + (line ?? 1) - 1
      if (error === undefined) this.sent++
      else this.#refuse(number, error.message)
      this.#next = number + 1
      this.#bar.update(number, this.refusedLines)
    }
    if (!response.complete) throw unreachable(this.#client.connection.address, 'it was cut off')
  }

  #refuse(line: number, message: string): void {
    this.refusedLines++
    if (this.refusedLines > maxShown) return
    this.#bar.end()
    process.stderr.write(plain(`line ${line}: ${message}\n`))
    if (this.refusedLines === maxShown) process.stderr.write('… further lines are counted only\n')
  }

  /** The file's lines from number `first` on, each with a request id. */
  async *#lines(first: number): AsyncGenerator<string | Buffer, void, void> {
    let number = 0
    let piece = ''
    for await (const line of readLines(this.#file)) {
      number++
      if (number < first) continue
      if (isUtf8(line)) {
        piece += `${withRequestId(line.toString('utf8'), `${this.key}/${number}`)}\n`
        if (piece.length < 64 * 1024) continue
      }
      if (piece !== '') yield piece
      piece = ''
      // As text it would be another line, which the server would take; as it is, it is refused.
      if (!isUtf8(line)) yield Buffer.concat([line, newline])
    }
    if (piece !== '') yield piece
  }
}

/** The line with a request id, if it is an object that has none or an empty one. The rest of it is not changed. */
export function withRequestId(line: string, requestId: string): string {
  const opening = /^\s*\{/.exec(line)?.[0]
  if (opening === undefined) return line
  let value: { readonly requestId?: unknown; readonly request_id?: unknown } | null
  try {
    value = JSON.parse(line)
  } catch {
    return line
  }
  if (typeof value !== 'object' || value === null) return line
  const given = (['requestId', 'request_id'] as const).filter((name) => name in value)
  if (given.some((name) => value[name] !== null && value[name] !== '')) return line
  const id = JSON.stringify(requestId)
  const [name] = given
  // Of a key that comes twice, the last one counts.
  if (name !== undefined) return `${line.trimEnd().slice(0, -1)},"${name}":${id}}`
  const comma = Object.keys(value).length === 0 ? '' : ','
  return `${opening}"requestId":${id}${comma}${line.slice(opening.length)}`
}

async function readFacts(file: string): Promise<FileFacts> {
  const hash = createHash('sha256')
  let lines = 0
  let endsInLine = false
  try {
    for await (const chunk of createReadStream(file)) {
      const bytes = chunk as Buffer
      hash.update(bytes)
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++
      endsInLine = bytes.at(-1) !== 10
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError(`${file} cannot be read: ${reason}`)
  }
  return { key: `file-${hash.digest('hex').slice(0, 32)}`, lines: lines + (endsInLine ? 1 : 0) }
}

/** Lines as the server counts them: parted by newlines alone. */
async function* readLines(file: string): AsyncGenerator<Buffer, void, void> {
  // The beginning of a line whose end has not been read.
  let held: Buffer[] = []
  for await (const chunk of createReadStream(file)) {
    const bytes = chunk as Buffer
    let at = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      const part = bytes.subarray(at, end)
      yield held.length === 0 ? part : Buffer.concat([...held, part])
      held = []
      at = end + 1
    }
    if (at < bytes.length) held.push(bytes.subarray(at))
  }
  if (held.length > 0) yield Buffer.concat(held)
}
