import type { SignalResponse, StartResponse } from '../runtime/workflow-service.ts'
import { writeJson } from './json-text.ts'
import { statusAnswer } from './rpc-status.ts'

/** Answers are sent in pieces of about this size. */
const pieceChars = 32 * 1024

/** Lines in a row that have their answer from one promise. */
interface Group {
  readonly first: number
  count: number
  readonly promise: Promise<unknown> | undefined
  /** The lines of the answer, once they are known. */
  answer: string | undefined
}

/**
 * The answers to the lines of a batch, in the order of the lines: a bounded queue between who reads the
 * lines and who sends the answers.
 */
export class BatchAnswers {
  readonly #maxLines: number
  readonly #logId: string
  #groups: Group[] = []
  /** Those before it have been taken. */
  #head = 0
  #lines = 0
  #ended = false
  #wakeReader = nothing
  #wakeWriter = nothing

  constructor(maxLines: number, logId: string) {
    this.#maxLines = maxLines
    this.#logId = logId
  }

  /** As many lines are in hand as may be. */
  get isFull(): boolean {
    return this.#lines >= this.#maxLines && !this.#ended
  }

  /** Nothing is to be added any more. */
  get isEnded(): boolean {
    return this.#ended
  }

  /** Resolves when there is room again, or there will be no more need of it. */
  async room(): Promise<void> {
    this.flush()
    while (this.isFull) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }

  /** A signal, acknowledged when the promise resolves; lines in a row with the same one are one group. */
  addSignal(line: number, promise: Promise<SignalResponse | undefined>): void {
    const last = this.#groups.at(-1)
    if (
      last?.promise === promise &&
      last.first + last.count === line &&
      last.answer === undefined
    ) {
      last.count++
      this.#lines++
      return
    }
    const group = this.#add(line, promise)
    promise.then(
      (response) => this.#settle(group, acknowledgements(group, response)),
      (error: unknown) => this.#settle(group, this.#errors(group, error)),
    )
  }

  addStart(line: number, promise: Promise<StartResponse>): void {
    const group = this.#add(line, promise)
    promise.then(
      ({ runId, started, processed }) => {
        const fields = writeJson({ runId, started, processed }).slice(1)
        this.#settle(group, `{"line":${line},${fields}\n`)
      },
      (error: unknown) => this.#settle(group, this.#errors(group, error)),
    )
  }

  /** A line that is refused. */
  fail(line: number, error: unknown): void {
    const group = this.#add(line, undefined)
    group.answer = this.#errors(group, error)
  }

  /** What has been added may be sent. */
  flush(): void {
    this.#wakeWriter()
  }

  /** Nothing more comes, or nobody reads it. */
  end(): void {
    this.#ended = true
    this.#wakeReader()
    this.#wakeWriter()
  }

  /** The next lines of the answer, when they are known; undefined after the last. */
  async take(): Promise<string | undefined> {
    for (;;) {
      const text = this.#takeKnown()
      if (text !== '') return text
      if (this.#ended && this.#head === this.#groups.length) return undefined
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
  }

  #takeKnown(): string {
    let text = ''
    while (this.#head < this.#groups.length && text.length < pieceChars) {
      const { answer, count } = this.#groups[this.#head] as Group
      if (answer === undefined) break
      text += answer
      this.#lines -= count
      this.#head++
    }
    if (this.#head === this.#groups.length) {
      this.#groups = []
      this.#head = 0
    } else if (this.#head >= this.#maxLines) {
      this.#groups = this.#groups.slice(this.#head)
      this.#head = 0
    }
    this.#wakeReader()
    return text
  }

  #add(first: number, promise: Promise<unknown> | undefined): Group {
    const group: Group = { first, count: 1, promise, answer: undefined }
    this.#groups.push(group)
    this.#lines++
    return group
  }

  #settle(group: Group, answer: string): void {
    group.answer = answer
    this.#wakeWriter()
  }

  #errors({ first, count }: Group, error: unknown): string {
    const { body } = statusAnswer(error, this.#logId)
    let text = ''
    for (let line = first; line < first + count; line++)
      text += `{"line":${line},"error":${body}}\n`
    return text
  }
}

function acknowledgements({ first, count }: Group, response: SignalResponse | undefined): string {
  const processed = response?.processed
  const end = processed === undefined ? '}\n' : `,"processed":${processed}}\n`
  let text = ''
  for (let line = first; line < first + count; line++) text += `{"line":${line}${end}`
  return text
}

function nothing(): void {}
