import type { DataStats } from '../../runtime/data-stats.ts'
import type { Printer } from './printer.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A size for people. */
export function formatBytes(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** The statistics of a folder: tables for people, one object for programs. */
export function printStats(printer: Printer, stats: DataStats): void {
  const { format, shards, owner, runs, inputs, bytesPerInput } = stats
  printer.record(
    'Data folder:',
    {
      Format: format,
      Shards: shards,
      'Open in': owner,
      File: formatBytes(stats.fileBytes),
      Free: formatBytes(stats.freeBytes),
      Log: formatBytes(stats.logBytes),
      Tree: formatBytes(stats.treeBytes),
      Runs: runs,
      Inputs: inputs,
      'Bytes an input': bytesPerInput,
    },
    JSON.stringify(stats),
  )
  if (printer.format !== 'text') return
  table(printer, Object.entries(stats.tables), {
    TABLE: ([name]) => name,
    ENTRIES: ([, { entries }]) => String(entries),
    SIZE: ([, { bytes }]) => formatBytes(bytes),
  })
  table(printer, Object.entries(stats.runsByStatus), {
    STATUS: ([status]) => status,
    RUNS: ([, count]) => String(count),
  })
  table(printer, Object.entries(stats.runsByNamespace), {
    NAMESPACE: ([namespace]) => namespace,
    RUNS: ([, count]) => String(count),
  })
  table(printer, stats.largest, {
    'LARGEST HISTORIES': ({ workflowId }) => workflowId,
    TYPE: ({ workflowType }) => workflowType,
    STATUS: ({ status }) => status,
    INPUTS: ({ inputs: count }) => String(count),
    SIZE: ({ bytes }) => formatBytes(bytes),
    RUN: ({ runId }) => runId,
  })
}

function table<T>(
  printer: Printer,
  items: readonly T[],
  columns: Readonly<Record<string, (item: T) => string>>,
): void {
  if (items.length === 0) return
  printer.note('')
  printer.rows(items, columns)
}
