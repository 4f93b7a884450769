import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { arch, availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../median.ts'
import { type PeerCase, peerCases } from './peer.ts'
import { type PeerAnswer, sandboxPeers } from './peer-task.ts'
import { peers } from './peers.ts'

const usage = `npm run bench:peers -- [--seconds 3] [--rounds 3] [--peer NAME …] [--dir FOLDER] [--json FILE]
The same work on signalbox and on other engines, each in a fresh process and folder, over loopback.`
const processPath = fileURLToPath(new URL('./peer-process.ts', import.meta.url))
/** For servers that start, and for those that are behind with what they were sent. */
const patienceSeconds = 300

interface Row {
  readonly name: string
  readonly peerCase: PeerCase | undefined
  readonly answers: PeerAnswer[]
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    peer: { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) console.log(usage)
else await main(positive(values.seconds, '--seconds'), positive(values.rounds, '--rounds'))

async function main(seconds: number, rounds: number): Promise<void> {
  const all: readonly Row[] = [
    ...peerCases.flatMap((peerCase) =>
      peers.map(({ name }): Row => ({ name, peerCase, answers: [] })),
    ),
    ...sandboxPeers.map((name): Row => ({ name, peerCase: undefined, answers: [] })),
  ]
  const unknown = (values.peer ?? []).filter((name) => all.every((row) => row.name !== name))
  if (unknown.length > 0) throw new Error(`There is no peer ${unknown.join(', ')}.\n${usage}`)
  const rows = all.filter(({ name }) => values.peer?.includes(name) ?? true)
  for (let round = 0; round < rounds; round += 1) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      console.error(`round ${round + 1}  ${row.name}  ${caseText(row.peerCase)}`)
      row.answers.push(await measure(row, seconds))
    }
    // After each round, so that an end before the last loses little.
    if (values.json !== undefined) {
      await writeFile(values.json, `${JSON.stringify(rows, undefined, 2)}\n`)
    }
  }
  console.log(
    `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${release()} ${arch()}, ` +
      `Node ${process.version}; medians of ${rounds} rounds of ${seconds} s\n`,
  )
  for (const peerCase of [...peerCases, undefined]) {
    const ofCase = rows.filter((row) => row.peerCase === peerCase)
    if (ofCase.length > 0) console.log(caseText(peerCase))
    for (const row of ofCase) {
      console.log(`  ${row.name.padEnd(24)}${resultText(row.answers)}`)
    }
  }
  console.log('\nWhat is done, and what is on disk when a promise resolves:')
  for (const { name, work, durability } of peers) console.log(`  ${name}: ${work}; ${durability}`)
  console.log(
    `  ${sandboxPeers.join(' and ')}: one signal each to the same workflow, no journal, no server`,
  )
  if (rows.some(({ answers }) => answers.some((answer) => 'failed' in answer))) process.exitCode = 1
}

/** One run in a process and a folder of its own. */
async function measure({ name, peerCase }: Row, seconds: number): Promise<PeerAnswer> {
  const dataDir = await mkdtemp(join(values.dir, 'signalbox-peers-'))
  const child = fork(processPath, { execArgv: ['--max-semi-space-size=64', ...process.execArgv] })
  // Disconnected, it ends and takes its servers along.
  let isLate = false
  const timer = setTimeout(
    () => {
      isLate = true
      child.disconnect()
    },
    (seconds * 2 + patienceSeconds) * 1000,
  )
  try {
    const task = { peer: name, dataDir, peerCase: peerCase ?? peerCases[0], seconds }
    child.send(task)
    let answer: PeerAnswer | undefined
    child.once('message', (message: PeerAnswer) => {
      answer = message
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (answer !== undefined) return answer
    if (isLate) return { failed: 'it took too long' }
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
    return { failed: `its process ${how} without a result` }
  } finally {
    clearTimeout(timer)
    await rm(dataDir, { recursive: true, force: true })
  }
}

function resultText(answers: readonly PeerAnswer[]): string {
  const done = answers.flatMap((answer) => ('rate' in answer ? [answer] : []))
  const [first] = answers
  if (first !== undefined && 'missing' in first) return `left out: ${first.missing}`
  const failed = answers.find((answer) => 'failed' in answer)
  if (failed !== undefined) return `failed: ${failed.failed}`
  const middle = (of: (answer: (typeof done)[number]) => number): number => median(done.map(of))
  const rate = Math.round(middle(({ rate }) => rate)).toLocaleString('en')
  const latencies = `p50 ${middle(({ p50Ms }) => p50Ms).toFixed(3)} ms, p99 ${middle(({ p99Ms }) => p99Ms).toFixed(3)} ms`
  return `${rate.padStart(9)} a second, ${latencies}  ${done[0]?.version ?? ''}`
}

function caseText(peerCase: PeerCase | undefined): string {
  if (peerCase === undefined) return 'turns in the sandbox alone'
  const { instances, inFlight } = peerCase
  return `${instances === 1 ? '1 instance' : `${instances} instances`}, ${inFlight} in flight`
}

function positive(text: string, option: string): number {
  const number = Number(text)
  if (number > 0) return number
  throw new Error(`${option} must be a number above 0.\n${usage}`)
}
