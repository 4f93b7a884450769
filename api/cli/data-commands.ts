import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import { SignalboxError } from '../../runtime/errors.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { formatBytes, printStats } from './data-tables.ts'
import { wholeNumber } from './flag-values.ts'
import { outputOption } from './output-option.ts'
import { type OutputFormat, plain, Printer } from './printer.ts'
import { Progress } from './progress.ts'
import { examples } from './workflow-command.ts'

interface DataFlags {
  readonly dataDir: string
  readonly output: OutputFormat
}

/** `signalbox data …`: what works on a folder, without a server. */
export function addDataCommands(program: Command): void {
  const data = examples(
    program
      .command('data')
      .description('Back up, check, measure, compact and export a data folder, in use or not'),
    'signalbox data verify --data-dir ./data',
    'signalbox data backup --data-dir ./data --to ./backups/monday',
  )
  addBackup(data)
  addVerify(data)
  addStats(data)
  addCompact(data)
  addDump(data)
}

function addBackup(data: Command): void {
  examples(
    withFolder(
      data.command('backup').description('Copy a folder as it is now, also while it is in use'),
    )
      .requiredOption('--to <folder>', 'where to; it must be new or empty')
      .option('--compact', 'leave out free pages: smaller, and slower'),
    'signalbox data backup --data-dir ./data --to ./backups/monday',
    'signalbox data backup --data-dir ./data --to ./backups/tuesday --compact --output json',
  ).action(async (flags: DataFlags & { readonly to: string; readonly compact?: boolean }) => {
    const { backupData } = await import('../../runtime/data-backup.ts')
    const result = await backupData(flags.dataDir, flags.to, { compact: flags.compact === true })
    new Printer(flags.output).record(
      'Backup is complete:',
      { Folder: result.path, Size: formatBytes(result.bytes) },
      JSON.stringify(result),
    )
  })
}

interface VerifyFlags extends DataFlags {
  readonly replay?: boolean
  readonly workflows?: string
}

function addVerify(data: Command): void {
  examples(
    withFolder(
      data.command('verify').description('Check every record, and how all of it fits together'),
    )
      .option('--replay', 'run the code of --workflows over the history of each open run')
      .option('--workflows <file>', 'the file whose exported functions are the workflows'),
    'signalbox data verify --data-dir ./backups/monday',
    'signalbox data verify --data-dir ./data --replay --workflows workflows.ts',
  ).action(async (flags: VerifyFlags) => {
    if ((flags.replay === true) !== (flags.workflows !== undefined)) {
      throw new CliError('--replay and --workflows go together')
    }
    await verify(flags)
  })
}

async function verify(flags: VerifyFlags): Promise<void> {
  const { verifyData } = await import('../../runtime/data-verify.ts')
  const printer = new Printer(flags.output)
  const bar = new Progress('entries')
  const damages: object[] = []
  const report = await verifyData(flags.dataDir, {
    onProgress: (done, total) => bar.update(done, total),
    onDamage: (damage) => {
      bar.end()
      // Many may be damaged: those that a program is told are bounded, those for people are lines.
      if (damages.length < maxListed) damages.push(damage)
      const of = damage.workflowId === undefined ? '' : ` (workflow ${damage.workflowId})`
      printer.note(`damaged: ${damage.place}${of}: ${damage.problem}`)
    },
  })
  bar.end()
  const mismatches = report.damages === 0 ? await replay(flags, printer) : undefined
  const { runs, records, events, rows } = report
  printer.record(
    report.damages === 0 ? 'No damage:' : 'The data are damaged:',
    {
      Runs: runs,
      Records: records,
      Events: events,
      Rows: rows,
      Damages: report.damages,
      Replayed: mismatches?.replayed,
      Mismatches: mismatches?.found.length,
    },
    JSON.stringify({
      ...report,
      found: damages,
      ...(mismatches === undefined
        ? {}
        : { replayed: mismatches.replayed, mismatches: mismatches.found }),
    }),
  )
  if (report.damages > 0) {
    throw new CliError(
      `${report.damages} places are damaged: restore a backup, or keep this folder and see docs/operations.md`,
      exitCodes.dataDamaged,
    )
  }
  if (mismatches !== undefined && mismatches.found.length > 0) {
    throw new CliError(
      `${mismatches.found.length} open runs do not fit this code: with it they would be parked`,
      exitCodes.replayMismatch,
    )
  }
}

const maxListed = 1_000

interface Mismatches {
  readonly replayed: number
  readonly found: readonly object[]
}

async function replay(flags: VerifyFlags, printer: Printer): Promise<Mismatches | undefined> {
  if (flags.workflows === undefined) return undefined
  const { replayData } = await import('../../runtime/testing/replay-data.ts')
  const bar = new Progress('runs')
  const found: object[] = []
  let replayed = 0
  const results = replayData(flags.dataDir, flags.workflows, (done, total) =>
    bar.update(done, total),
  )
  for await (const { workflowId, runId, error } of results) {
    replayed++
    if (error === undefined) continue
    bar.end()
    const { name, message } = error
    if (found.length < maxListed) found.push({ workflowId, runId, error: name, message })
    printer.note(`does not fit: workflow ${workflowId}, run ${runId}: ${message}`)
  }
  bar.end()
  return { replayed, found }
}

function addStats(data: Command): void {
  examples(
    withFolder(
      data.command('stats').description('What a folder holds, and what takes the room'),
    ).option(
      '--largest <number>',
      'how many of the largest histories to list',
      wholeNumber(0, 1_000),
      10,
    ),
    'signalbox data stats --data-dir ./data',
    'signalbox data stats --data-dir ./data --output json',
  ).action(async (flags: DataFlags & { readonly largest: number }) => {
    const { dataStats } = await import('../../runtime/data-stats.ts')
    const bar = new Progress('entries')
    const stats = await dataStats(flags.dataDir, {
      largest: flags.largest,
      onProgress: (done, total) => bar.update(done, total),
    })
    bar.end()
    printStats(new Printer(flags.output), stats)
  })
}

function addCompact(data: Command): void {
  examples(
    withFolder(
      data.command('compact').description('Rewrite a stopped folder without its free pages'),
    ),
    'signalbox data compact --data-dir ./data',
  ).action(async (flags: DataFlags) => {
    const { compactData } = await import('../../runtime/data-compact.ts')
    try {
      const result = await compactData(flags.dataDir)
      const { bytesBefore, bytesAfter } = result
      new Printer(flags.output).record(
        'Compacted:',
        { Before: formatBytes(bytesBefore), After: formatBytes(bytesAfter) },
        JSON.stringify(result),
      )
    } catch (error) {
      const isLocked =
        error instanceof SignalboxError && error.code === 'SIGNALBOX_ERR_DATA_DIR_LOCKED'
      if (!isLocked) throw error
      throw new CliError(
        `${error.message}. Stop it first; a compacted copy of a folder in use is made by ` +
          '"signalbox data backup --compact".',
      )
    }
  })
}

interface DumpFlags extends DataFlags {
  readonly namespace?: string
  readonly workflowId?: string
  readonly runId?: string
  readonly query?: string
  readonly to?: string
}

function addDump(data: Command): void {
  examples(
    withFolder(
      data
        .command('dump')
        .description('Write histories as lines of JSON, as a replayer takes them'),
      false,
    )
      .option('-n, --namespace <name>', 'only of this namespace')
      .option('-w, --workflow-id <id>', 'only of this workflow')
      .option('-r, --run-id <id>', 'only this run')
      .option('-q, --query <filter>', 'only runs that match')
      .option('--to <file>', 'default: stdout'),
    'signalbox data dump --data-dir ./data --workflow-id customer-42',
    `signalbox data dump --data-dir ./data --query "ExecutionStatus = 'Failed'" --to failed.ndjson`,
  ).action(async (flags: DumpFlags) => {
    const { dumpData } = await import('../../runtime/data-dump.ts')
    const { namespace, workflowId, runId, query, to } = flags
    const bar = new Progress('runs', to !== undefined)
    let damaged = 0
    const text = dumpData(flags.dataDir, {
      namespace,
      workflowId,
      runId,
      query,
      onProgress: (done, total) => bar.update(done, total),
      onDamage: (of, problem) => {
        damaged++
        bar.end()
        process.stderr.write(plain(`damaged: workflow ${of}: ${problem}\n`))
      },
    })
    if (to === undefined) await writeTo(process.stdout, text)
    else await pipeline(text, createWriteStream(to, { mode: 0o600 }))
    bar.end()
    if (damaged > 0) {
      const problem = `${damaged} histories are damaged: their lines have what comes before`
      throw new CliError(problem, exitCodes.dataDamaged)
    }
  })
}

/** Written as fast as it is taken: stdout itself is never ended. */
async function writeTo(out: NodeJS.WritableStream, text: AsyncIterable<string>): Promise<void> {
  for await (const part of text) if (!out.write(part)) await once(out, 'drain')
}

function withFolder(command: Command, printed = true): Command {
  command.addOption(
    new Option('--data-dir <folder>', 'the data folder')
      .env('SIGNALBOX_DATA_DIR')
      .makeOptionMandatory(),
  )
  if (!printed) return command
  return command.addOption(outputOption())
}
