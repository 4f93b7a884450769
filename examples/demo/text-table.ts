import { styleText } from 'node:util'

/** A table as text: numbers at the right, everything else at the left. */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = rows.map((row) =>
    row.map((cell) =>
      typeof cell === 'number' ? cell.toLocaleString('en', { maximumFractionDigits: 1 }) : cell,
    ),
  )
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? cell.length
        return typeof rows[0]?.[column] === 'number' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
  return [styleText('bold', line(headings)), ...cells.map(line)].join('\n')
}
