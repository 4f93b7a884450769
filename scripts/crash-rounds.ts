import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { crashRun } from '../test/crash/crash-run.ts'
import { seededRandom } from '../test/fixtures/seeded-random.ts'

// The long form of test/crash/kill.test.ts: `node --import tsx scripts/crash-rounds.ts --rounds 100`,
// after a build. With --seed it kills at the same moments again; --keep leaves the folder.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)
const folder = await mkdtemp(path.join(tmpdir(), 'signalbox-crash-'))
console.log(`${rounds} rounds of SIGKILL, seed ${seed}, in ${folder}`)
const begun = performance.now()
try {
  const { acknowledged, briefs, runs } = await crashRun({
    folder,
    rounds,
    random: seededRandom(seed),
    onRound: (round, total) => {
      const seconds = ((performance.now() - begun) / 1_000).toFixed(0)
      console.log(`round ${round} of ${rounds}: ${total} acknowledged, all there (${seconds} s)`)
    },
  })
  console.log(
    `passed: ${acknowledged} acknowledged signals, ${briefs} of them for workflows that close ` +
      `with their first; ${runs} runs`,
  )
} catch (error) {
  console.error(`FAILED with seed ${seed}:`, error)
  process.exitCode = 1
} finally {
  if (!values.keep && process.exitCode !== 1) await rm(folder, { recursive: true, force: true })
}
