import { indentJson } from '../json-text.ts'

export type OutputFormat = 'text' | 'json' | 'jsonl' | 'none'

/** Control characters in what others wrote must not reach the terminal. */
const control = /[\u0000-\u001f\u007f-\u009f]/g

/** A message for a terminal, which may quote what others wrote; its lines and tabs stay. */
export function plain(message: string): string {
  return message.replace(control, (character) => (/[\n\t]/.test(character) ? character : '?'))
}

/** Writes answers for people (text) or for programs (JSON) on stdout. */
export class Printer {
  readonly format: OutputFormat

  constructor(format: OutputFormat) {
    this.format = format
  }

  /** One answer: `json` as the server wrote it, or names and values. */
  record(title: string, fields: Readonly<Record<string, unknown>>, json: string): void {
    if (this.format !== 'text') return this.json(json)
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined)
    const width = Math.max(0, ...shown.map(([name]) => name.length))
    const lines = shown.map(([name, value]) => `  ${name.padEnd(width)}  ${clean(value)}`)
    this.#write(`${[title, ...lines].join('\n')}\n`)
  }

  /** Rows of a list: a table, or one JSON array, or a line for each. */
  rows(
    items: readonly unknown[],
    columns: Readonly<Record<string, (item: never) => unknown>>,
  ): void {
    if (this.format === 'json') return this.#write(`${JSON.stringify(items, undefined, 2)}\n`)
    if (this.format === 'jsonl') {
      return this.#write(items.map((item) => `${JSON.stringify(item)}\n`).join(''))
    }
    if (this.format === 'none') return
    const cells = [
      Object.keys(columns),
      ...items.map((item) => Object.values(columns).map((cell) => clean(cell(item as never)))),
    ]
    const widths = Object.keys(columns).map((_name, column) =>
      cells.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
    )
    const line = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    this.#write(cells.map((row) => `${line(row)}\n`).join(''))
  }

  /** JSON text, with its numbers as they are. */
  json(text: string): void {
    if (this.format === 'none') return
    this.#write(`${this.format === 'jsonl' ? text : indentJson(text)}\n`)
  }

  /** For people alone. */
  note(text: string): void {
    if (this.format === 'text') this.#write(`${plain(text)}\n`)
  }

  #write(text: string): void {
    if (this.format !== 'none') process.stdout.write(text)
  }
}

function clean(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
  return text.replace(control, '?')
}
