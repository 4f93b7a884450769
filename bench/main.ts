#!/usr/bin/env node
import { tmpdir } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { type Changes, changesSince } from './changes.ts'
import { circumstances, isInMemory } from './circumstances.ts'
import { readEarlierReport } from './earlier-report.ts'
import { runRounds, type HarnessOptions, type Rounds } from './harness.ts'
import { interruption } from './interruption.ts'
import { MistakenOptionError, tryDataFolder, tryOption } from './mistaken-option.ts'
import { Progress } from './progress.ts'
import { type Failure, makeReport, type Report } from './report.ts'
import {
  type FileOptions,
  reportFiles,
  type ReportFiles,
  writeJson,
  writeReports,
} from './report-files.ts'
import { canBePlotted } from './report-plots.ts'
import { changesTable, reportTable } from './report-table.ts'
import { defaultGroups, groups, titleOf } from './scenario.ts'
import { scenarios, UnknownScenarioError, withCeilings } from './scenarios.ts'

interface Options extends FileOptions {
  readonly scenario?: readonly string[]
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: number
  readonly size?: number
  readonly workflows?: number
  readonly dir: string
  readonly compare?: string
  readonly list?: true
}

/** Code that has run so often is as fast as V8 will make it; a request's needs the most. */
const warmUpOperations = 500_000

function positive(value: string): number {
  const number = Number(value)
  if (!(number > 0 && Number.isFinite(number)))
    throw new InvalidArgumentError('It must be a number above 0.')
  return number
}

function positiveInteger(value: string): number {
  const number = positive(value)
  if (!Number.isInteger(number)) throw new InvalidArgumentError('It must be a whole number.')
  return number
}

async function main(options: Options): Promise<void> {
  if (options.list === true) return list(options.workflows)
  // All that can be wrong is found before minutes are spent.
  const selected = withCeilings(options.scenario ?? defaultGroups)
  const { compare } = options
  const earlier =
    compare === undefined
      ? undefined
      : await tryOption(`--compare ${compare}`, () => readEarlierReport(compare))
  await tryOption(`--dir ${options.dir}`, () => tryDataFolder(options.dir))
  const about = await circumstances(options.dir)
  const files = await reportFiles(options, about.date)
  if (files.svg !== undefined && !canBePlotted(selected.map(({ name }) => name))) {
    throw new MistakenOptionError(
      `--svg ${files.svg}: There is nothing to plot: take more scenarios.`,
    )
  }
  if (isInMemory(about.fileSystem)) {
    console.error(
      `${options.dir} is in memory: syncing costs nothing there. Choose a disk by --dir.`,
    )
  }
  const progress = new Progress()
  const failures: Failure[] = []
  const stopped = interruption(() => {
    progress.end()
    console.error('Interrupted: the run that is under way is given up.')
  })
  const harness: HarnessOptions = {
    rounds: options.rounds,
    size: {
      seconds: options.seconds,
      operations: options.size ?? Infinity,
      warmUp: {
        seconds: options.warmUp,
        operations: Math.min(warmUpOperations, options.size ?? Infinity),
      },
    },
    ...(options.workflows !== undefined && { workflowsMax: options.workflows }),
    dir: options.dir,
    interruption: stopped,
    onFailure: ({ name }, error) => {
      const reason = error instanceof Error ? error.message : String(error)
      progress.end()
      console.error(`${name} is left out: ${reason}`)
      failures.push({ name, reason })
      process.exitCode = 1
    },
    onRun: ({ scenario, round, run, runs }) => {
      progress.begin(run, runs, `round ${round + 1}  ${scenario.name}`)
    },
    onResult: (results) => keep(files, reportOf(results, false)),
  }
  const reportOf = (results: Rounds, isComplete: boolean): Report =>
    makeReport({
      scenarios: selected,
      results,
      options: harness,
      circumstances: about,
      failures,
      isComplete,
    })
  const results = await runRounds(selected, harness)
  progress.end()
  const report = reportOf(results, !stopped.aborted)
  await show(report, files, earlier && changesSince(report, earlier))
}

function list(workflowsMax: number | undefined): void {
  for (const [group, what] of Object.entries(groups)) {
    console.log(`${group}: ${what}`)
    for (const scenario of scenarios.filter((one) => one.group === group)) {
      console.log(`  ${scenario.name.padEnd(30)}${titleOf(scenario, workflowsMax)}`)
    }
  }
}

/** Beside the measuring: that it could not be written is no reason to lose what comes. */
async function keep(files: ReportFiles, report: Report): Promise<void> {
  try {
    await writeJson(files, report)
  } catch (error) {
    console.error(`Not written for now: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function show(
  report: Report,
  files: ReportFiles,
  changes: Changes | undefined,
): Promise<void> {
  if (report.scenarios.length === 0) {
    console.error('Nothing was measured, so nothing is written.')
    return
  }
  // First, since it needs no disk.
  console.log(reportTable(report, process.stdout.columns || Infinity))
  if (changes !== undefined) console.log(`\n${changesTable(changes)}`)
  const written = await writeReports(files, report, changes)
  for (const file of written) console.error(`Written to ${file}`)
  if (files.svg !== undefined && !written.includes(files.svg)) {
    console.error(`There is nothing to plot, so ${files.svg} is not written.`)
    process.exitCode ??= 1
  }
}

/** What the caller can mend, a full disk for one, and not a fault of this program. */
function needsNoStack(error: unknown): error is Error {
  if (error instanceof UnknownScenarioError || error instanceof MistakenOptionError) return true
  return error instanceof Error && 'syscall' in error
}

const command = new Command('signalbox bench')
  .description('Measure signalbox, and in the same run the ceilings that it cannot pass')
  .addHelpText(
    'after',
    '\nExamples:\n  $ signalbox bench --list\n' +
      '  $ signalbox bench --scenario one-workflow-4096 --rounds 5 --dir ./data\n',
  )
  .option(
    '--scenario <names...>',
    'scenarios and groups, with their ceilings; all for every one (default: all but scale and soak)',
  )
  .option('--rounds <number>', 'how often each one runs', positiveInteger, 3)
  .option('--seconds <number>', 'how long each run is measured', positive, 3)
  .option(
    '--warm-up <seconds>',
    `how long it loads before that, or ${warmUpOperations.toLocaleString('en')} operations`,
    positive,
    8,
  )
  .option('--size <number>', 'end a run after that many operations', positiveInteger)
  .option('--workflows <number>', 'take no more workflows than that', positiveInteger)
  .option('--dir <folder>', 'make the data folders there, on the disk to be measured', tmpdir())
  .option('--out <folder>', 'write the reports there, named by the time', 'bench-results')
  .option('--json <file>', 'write the report there (default: into --out)')
  .option('--html <file>', 'write it as a page with plots there (default: into --out)')
  .option('--svg <file>', 'write the first plot there')
  .option(
    '--compare <file>',
    'say how each scenario has changed since that JSON: rate, ratio to its ceiling, p99, processor time',
  )
  .option('--list', 'list the scenarios')
  .action(main)

try {
  await command.parseAsync()
} catch (error) {
  console.error(needsNoStack(error) ? `error: ${error.message}` : error)
  process.exitCode = 1
}
