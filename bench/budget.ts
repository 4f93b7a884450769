/**
 * What a signal costs, by stage: runs scenarios under V8's sampling profiler and sorts by what ran while they
 * were measured. Run as a program: `npm run bench:budget -- one-workflow-4096`.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { budgetRows } from './budget-rows.ts'
import { type CpuProfile, type Share, sharesOf } from './budget-stages.ts'
import { runRounds } from './harness.ts'
import { titleOf } from './scenario.ts'
import { findScenario } from './scenarios.ts'

interface Options {
  readonly seconds: string
  readonly workflows?: string
  readonly dir: string
}

/**
 * It is in the profiles, which begin with their threads since a slot's cannot be begun from elsewhere; the
 * time that was measured is cut out of them.
 */
const warmUp = { seconds: 8, operations: 500_000 }
const microsecond = 1
/** Node samples each millisecond unless told otherwise: too seldom for stages of a tenth of a microsecond. */
const samplingMicros = 250 * microsecond

async function main(names: readonly string[], options: Options): Promise<void> {
  for (const name of names) {
    const profiles = await mkdtemp(join(options.dir, 'signalbox-budget-'))
    try {
      await printBudget(name, profiles, options)
    } finally {
      await rm(profiles, { recursive: true })
    }
  }
}

async function printBudget(name: string, profiles: string, options: Options): Promise<void> {
  const seconds = Number(options.seconds)
  const scenario = findScenario(name)
  const workflowsMax = options.workflows === undefined ? Infinity : Number(options.workflows)
  const results = await runRounds([scenario], {
    rounds: 1,
    size: { seconds, operations: Infinity, warmUp, isAlone: true },
    workflowsMax,
    dir: options.dir,
    nodeFlags: [
      '--cpu-prof',
      `--cpu-prof-interval=${samplingMicros}`,
      `--cpu-prof-dir=${profiles}`,
    ],
  })
  const measurement = results.get(name)?.[0]
  if (measurement?.during === undefined) throw new Error(`${name} measured nothing.`)
  const { cpuMicros, rate, during } = measurement
  console.log(
    `${titleOf(scenario, workflowsMax)}: ${cpuMicros.toFixed(2)} µs of processor time each, ` +
      `at ${Math.round(rate).toLocaleString('en')} a second under the profiler`,
  )
  const shares = await readShares(profiles, during)
  if (shares.length === 0) throw new Error('No profile has a sample of the measured time.')
  for (const { thread, stage, micros } of budgetRows(shares, measurement)) {
    if (Math.abs(micros) < cpuMicros / 200) continue
    console.log(`  ${micros.toFixed(2).padStart(6)}  ${thread.padEnd(8)}${stage}`)
  }
}

/** Of all profiles: those of the loading process and, if there is one, of the server. */
async function readShares(
  folder: string,
  during: readonly [from: number, to: number],
): Promise<readonly Share[]> {
  const shares: Share[] = []
  for (const file of await readdir(folder)) {
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile
    shares.push(...sharesOf(profile, during))
  }
  return shares
}

await new Command('bench:budget')
  .argument('[scenarios...]', 'whose operations are looked at', ['one-workflow-4096'])
  .option('--seconds <number>', 'how long the load lasts', '20')
  .option('--workflows <number>', 'take no more workflows than that')
  .option('--dir <folder>', 'where the data and the profiles go', tmpdir())
  .action(main)
  .parseAsync()
