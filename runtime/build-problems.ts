import { resolve } from 'node:path'
import type { Message } from 'esbuild'

/** What esbuild could not build, in words for whoever wrote the code. */
export interface BuildProblems {
  /** A line for each, with file, line and column. */
  readonly message: string
  /** The place of the first: `file`, `line`, `column`, and `import` if it is about one. */
  readonly fields: Readonly<Record<string, string | number>>
}

/**
 * Say what is wrong with code that does not build. esbuild speaks of its own options and of output formats,
 * which nobody can reach here.
 *
 * @param folder what the places are relative to: the working directory of the build
 */
export function buildProblems(errors: readonly Message[], folder: string): BuildProblems {
  const [first] = errors
  const place = first?.location
  const imported = first === undefined ? undefined : importOf(first)
  return {
    message: errors.map((error) => describe(error, folder)).join('\n'),
    fields: {
      ...(place
        ? { file: resolve(folder, place.file), line: place.line, column: place.column + 1 }
        : {}),
      ...(imported === undefined ? {} : { import: imported }),
    },
  }
}

function importOf({ detail, text }: Message): string | undefined {
  const refused = detail as { readonly import?: string } | undefined
  return refused?.import ?? unresolved(text)
}

function unresolved(text: string): string | undefined {
  return /^Could not resolve "([^"]+)"/.exec(text)?.[1]
}

function describe(error: Message, folder: string): string {
  const { location } = error
  const notes = error.notes
    .filter(({ text }) => !text.startsWith('You can mark the path'))
    .map(({ text }) => ` ${text.replace(/:$/, '.')}`)
  const text = ownText(error, notes.length > 0) + notes.join('')
  if (!location) return text
  return `${resolve(folder, location.file)}:${location.line}:${location.column + 1}: ${text}`
}

function ownText({ text }: Message, isExplained: boolean): string {
  if (text.startsWith('Top-level await')) {
    return (
      'Workflow files cannot use top-level await: their code is loaded in one go, anew for each run. ' +
      'Await inside of the workflow function.'
    )
  }
  const path = unresolved(text)
  if (path === undefined) return text
  if (isExplained || !isPackage(path)) return `There is no "${path}" to import.`
  return `There is no package "${path}" to import: install it, or mend the name.`
}

/** Neither a path nor an alias such as `@/lib` or `#lib`. */
function isPackage(path: string): boolean {
  return /^(?:@[\w~-][\w.~-]*\/)?[\w-]/.test(path)
}
