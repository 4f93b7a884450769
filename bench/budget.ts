/**
 * What a signal costs, by stage: runs scenarios under V8's sampling profiler and shares the processor time
 * out by what ran. Run as a program: `npm run bench:budget -- one-workflow-4096`.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { type CpuProfile, type Share, sharesOf } from './budget-stages.ts'
import { runRounds } from './harness.ts'
import { findScenario } from './scenarios.ts'

interface Options {
  readonly seconds: string
  readonly workflows?: string
  readonly dir: string
}

/** It is in the profile, but not in the processor time that is shared out. */
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
  const results = await runRounds([scenario], {
    rounds: 1,
    size: { seconds, operations: Infinity, warmUp },
    ...(options.workflows !== undefined && { workflowsMax: Number(options.workflows) }),
    dir: options.dir,
    nodeFlags: [
      '--cpu-prof',
      `--cpu-prof-interval=${samplingMicros}`,
      `--cpu-prof-dir=${profiles}`,
    ],
  })
  const measurement = results.get(name)?.[0]
  if (measurement === undefined) throw new Error(`${name} measured nothing.`)
  const { cpuMicros, rate } = measurement
  console.log(
    `${scenario.title}: ${cpuMicros.toFixed(2)} µs of processor time each, ` +
      `at ${Math.round(rate).toLocaleString('en')} a second under the profiler`,
  )
  const shares = await readShares(profiles)
  const total = shares.reduce((sum, { micros }) => sum + micros, 0)
  for (const { thread, stage, micros } of shares) {
    const each = (micros / total) * cpuMicros
    if (each < cpuMicros / 200) continue
    console.log(`  ${each.toFixed(2).padStart(6)}  ${thread.padEnd(8)}${stage}`)
  }
}

/** Of all profiles, the largest first. */
async function readShares(folder: string): Promise<readonly Share[]> {
  const sums = new Map<string, Share>()
  for (const file of await readdir(folder)) {
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile
    for (const share of sharesOf(profile)) {
      const key = `${share.thread} ${share.stage}`
      const micros = (sums.get(key)?.micros ?? 0) + share.micros
      sums.set(key, { ...share, micros })
    }
  }
  return [...sums.values()].sort((a, b) => b.micros - a.micros)
}

await new Command('bench:budget')
  .argument('[scenarios...]', 'whose operations are looked at', ['one-workflow-4096'])
  .option('--seconds <number>', 'how long the load lasts', '20')
  .option('--workflows <number>', 'take no more workflows than that')
  .option('--dir <folder>', 'where the data and the profiles go', tmpdir())
  .action(main)
  .parseAsync()
