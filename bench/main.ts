#!/usr/bin/env node
import { mkdir, readFile, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { runRounds, type HarnessOptions } from './harness.ts'
import { htmlReport } from './html-report.ts'
import { Progress } from './progress.ts'
import { type Change, comparedWith, makeReport, reportTable, type Report } from './report.ts'
import { reportPlots } from './report-plots.ts'
import { defaultGroups, groups, titleOf } from './scenario.ts'
import { scenarios, UnknownScenarioError, withCeilings } from './scenarios.ts'

interface Options {
  readonly scenario?: readonly string[]
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: number
  readonly size?: number
  readonly workflows?: number
  readonly dir: string
  readonly out: string
  readonly json?: string
  readonly html?: string
  readonly svg?: string
  readonly compare?: string
  readonly list?: true
}

const tmpfsMagic = 0x01021994
/** Code that has run so often is as fast as V8 will make it; a request's needs the most. */
const warmUpOperations = 500_000

function positive(value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new InvalidArgumentError('It must be a number above 0.')
  return number
}

function positiveInteger(value: string): number {
  const number = positive(value)
  if (!Number.isInteger(number)) throw new InvalidArgumentError('It must be a whole number.')
  return number
}

async function main(options: Options): Promise<void> {
  if (options.list === true) {
    for (const [group, what] of Object.entries(groups)) {
      console.log(`${group}: ${what}`)
      for (const one of scenarios.filter((one) => one.group === group)) {
        console.log(`  ${one.name.padEnd(30)}${titleOf(one, options.workflows)}`)
      }
    }
    return
  }
  // Read before minutes are spent: it may not be there.
  const earlier: Report | undefined =
    options.compare === undefined ? undefined : JSON.parse(await readFile(options.compare, 'utf8'))
  const { type } = await statfs(options.dir)
  if (type === tmpfsMagic) {
    console.error(
      `${options.dir} is in memory: syncing costs nothing there. Choose a disk by --dir.`,
    )
  }
  const selected = withCeilings(options.scenario ?? defaultGroups)
  const progress = new Progress()
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
    onFailure: ({ name }, error) => {
      progress.end()
      console.error(
        `${name} is left out: ${error instanceof Error ? error.message : String(error)}`,
      )
      process.exitCode = 1
    },
    onRun: ({ scenario, round, run, runs }) => {
      progress.begin(run, runs, `round ${round + 1}  ${scenario.name}`)
    },
  }
  const results = await runRounds(selected, harness)
  progress.end()
  const report = makeReport(
    selected.filter(({ name }) => results.has(name)),
    results,
    harness,
  )
  const compared = earlier === undefined ? new Map<string, Change>() : comparedWith(report, earlier)
  console.log(reportTable(report, compared))

  const name = join(options.out, report.date.replaceAll(':', '-'))
  await write(options.json ?? `${name}.json`, `${JSON.stringify(report, undefined, 2)}\n`)
  await write(options.html ?? `${name}.html`, htmlReport(report, compared))
  if (options.svg === undefined) return
  const [first] = reportPlots(report)
  if (first === undefined) throw new Error('There is nothing to plot: take more scenarios.')
  await write(options.svg, `${first}\n`)
}

async function write(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
  console.error(`Written to ${file}`)
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
    'say how each scenario has changed since that JSON: rate, p99, processor time',
  )
  .option('--list', 'list the scenarios')
  .action(main)

try {
  await command.parseAsync()
} catch (error) {
  // A name that does not exist is the caller's mistake and needs no stack.
  const isMistake = error instanceof UnknownScenarioError
  console.error(isMistake ? `error: ${error.message}` : error)
  process.exitCode = 1
}
