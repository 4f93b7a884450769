import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Changes } from './changes.ts'
import { htmlReport } from './html-report.ts'
import { tryOption } from './mistaken-option.ts'
import { plot } from './plot.ts'
import type { Report } from './report.ts'
import { reportPlots } from './report-plots.ts'

/** Where the reports of a run go. */
export interface ReportFiles {
  readonly json: string
  readonly html: string
  readonly svg?: string
}

export interface FileOptions {
  readonly out: string
  readonly json?: string
  readonly html?: string
  readonly svg?: string
}

/** @throws MistakenOptionError if one of them cannot be written */
export async function reportFiles(options: FileOptions, date: string): Promise<ReportFiles> {
  const { out, json, html, svg } = options
  const byTime = join(out, date.replaceAll(':', '-'))
  const chosen = { json: json ?? `${byTime}.json`, html: html ?? `${byTime}.html` }
  await tryOption(json === undefined ? `--out ${out}` : `--json ${json}`, () =>
    tryFile(chosen.json),
  )
  await tryOption(html === undefined ? `--out ${out}` : `--html ${html}`, () =>
    tryFile(chosen.html),
  )
  if (svg === undefined) return chosen
  await tryOption(`--svg ${svg}`, () => tryFile(svg))
  return { ...chosen, svg }
}

/** What was measured until now: whatever ends the benchmark, it is there. */
export async function writeJson({ json }: ReportFiles, report: Report): Promise<void> {
  await writeWhole(json, `${JSON.stringify(report, undefined, 2)}\n`)
}

/** @returns the files that were written */
export async function writeReports(
  files: ReportFiles,
  report: Report,
  changes: Changes | undefined,
): Promise<readonly string[]> {
  await writeJson(files, report)
  await writeWhole(files.html, htmlReport(report, changes))
  const written = [files.json, files.html]
  const [first] = reportPlots(report).plots
  if (files.svg === undefined || first === undefined) return written
  await writeWhole(files.svg, `${plot(first)}\n`)
  return [...written, files.svg]
}

const partOf = (file: string): string => `${file}.part`

/** Makes the folders above a file, and leaves the file as it is until there is something to write. */
async function tryFile(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const found = await stat(file).catch(() => undefined)
  if (found?.isDirectory() === true) throw new Error('It is a folder.')
  if (found !== undefined && !found.isFile()) return
  await writeFile(partOf(file), '')
  await rm(partOf(file))
}

/** Never half a file, not even when the disk is full or the process is killed. */
async function writeWhole(file: string, content: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  // A device or a pipe, such as /dev/null, must not be replaced.
  if (found !== undefined && !found.isFile()) return writeFile(file, content)
  await writeFile(partOf(file), content)
  await rename(partOf(file), file)
}
