import { fileURLToPath } from 'node:url'
import { topmost, type SourcePlace } from './source-place.ts'

/** A file of the host's that cannot be imported: the message begins with the place, if that is known. */
export class ImportFailure extends Error {
  override name = 'ImportFailure'
  /** `file`, `line`, `column` and `import`, as far as they are known. */
  readonly fields: Readonly<Record<string, string | number>>

  constructor(
    message: string,
    fields: Readonly<Record<string, string | number>>,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.fields = fields
  }

  /** Of what a module threw while it was evaluated. */
  static from(thrown: unknown): ImportFailure {
    if (thrown instanceof ImportFailure) return thrown
    const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown))
    const place = thrown instanceof Error ? placeOf(stack) : undefined
    if (place === undefined) return new ImportFailure(message, {}, { cause: thrown })
    const at = `${place.file}:${place.line}:${place.column}`
    return new ImportFailure(`${at}: ${message}`, { ...place }, { cause: thrown })
  }
}

/** Frames of signalbox itself are not where to look. */
const ownCode = ['.', '../actors/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))

function placeOf(stack: string): SourcePlace | undefined {
  const frames = [...stack.matchAll(frame)].map(([, name = '', line, column]) => ({
    file: name.startsWith('file:') ? fileURLToPath(name) : name,
    line: Number(line),
    column: Number(column),
  }))
  return topmost(frames.filter(({ file }) => !ownCode.some((folder) => file.startsWith(folder))))
}

const frame = /^ {4}at (?:.* \()?(file:\/\/.+|\/.+|[A-Za-z]:\\.+):(\d+):(\d+)\)?$/gm
