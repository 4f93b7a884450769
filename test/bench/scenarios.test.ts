import { mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runRounds } from '../../dist/bench/harness.js'
import { scenarios, withCeilings } from '../../dist/bench/scenarios.js'

/** Small enough for a test run, large enough that every place of the load is used at least once. */
const operations = 300
const workflowsMax = 40
const options = {
  rounds: 1,
  size: { seconds: 30, operations, warmUp: { seconds: 30, operations } },
  workflowsMax,
  dir: tmpdir(),
}

test.each(scenarios)('$name does and checks what it counts', async (scenario) => {
  const results = await runRounds([scenario], options)
  const [measurement] = results.get(scenario.name) ?? []
  if (scenario.group === 'soak') expect(measurement?.samples?.length).toBeGreaterThan(0)
  // Signals to workflows that run may end with one more to each, which waits until it is processed.
  const lastSignals = Math.min(scenario.workflows ?? 0, workflowsMax)
  expect([operations, operations + lastSignals]).toContain(measurement?.operations)
  expect(measurement?.rate).toBeGreaterThan(0)
  // Where nothing was timed there are none.
  const { p50Ms, p99Ms, maxMs } = measurement ?? {}
  expect([p50Ms, p99Ms, maxMs].toSorted((a = 0, b = 0) => a - b)).toEqual([p50Ms, p99Ms, maxMs])
  if (scenario.group !== 'engine' && !scenario.name.startsWith('http-batches')) {
    expect(maxMs).toBeGreaterThan(0)
  }
})

test('a scenario that fails in its process fails the run, with its reason', async () => {
  const unknown = {
    name: 'no-such-scenario',
    title: '',
    group: 'engine' as const,
    measure: () => Promise.reject(new Error()),
  }
  await expect(runRounds([unknown], options)).rejects.toThrow('There is no scenario')
  const failed: string[] = []
  const turns = scenarios.filter(({ name }) => name === 'turns')
  const results = await runRounds([unknown, ...turns], {
    ...options,
    rounds: 2,
    onFailure: ({ name }) => failed.push(name),
  })
  expect(failed).toEqual(['no-such-scenario'])
  expect([...results].map(([name, rounds]) => [name, rounds.length])).toEqual([['turns', 2]])
})

test('what was measured before an interruption is returned, and its folder is gone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'signalbox-bench-test-'))
  const interruption = new AbortController()
  const kept: number[] = []
  const results = await runRounds(withCeilings(['turns', 'fdatasync']), {
    ...options,
    dir,
    rounds: 2,
    interruption: interruption.signal,
    onRun: ({ run }) => {
      if (run === 1) setTimeout(() => interruption.abort(), 20)
    },
    onResult: (results) => {
      kept.push([...results.values()].flat().length)
      return Promise.resolve()
    },
  })
  expect([...results.values()].map((rounds) => rounds.length)).toEqual([1, 0])
  expect(kept).toEqual([1])
  expect(await readdir(dir)).toEqual([])
  await rmdir(dir)
})

test('scenarios are chosen by name or group, with their ceilings', () => {
  const names = (chosen: readonly string[]) => withCeilings(chosen).map(({ name }) => name)
  expect(names(['http-one-workflow'])).toEqual(['bare-fastify', 'http-one-workflow'])
  // A ceiling is compared with its own, too.
  expect(names(['http-batches-one-workflow'])).toEqual([
    'lmdb-4096',
    'one-workflow-4096',
    'http-batches-one-workflow',
  ])
  expect(names(['soak', 'turns'])).toEqual(['turns', 'soak'])
  expect(names(['signals'])).toContain('lmdb-4096')
  expect(names(['all'])).toHaveLength(scenarios.length)
  expect(() => names(['no-such'])).toThrow('There is no scenario or group no-such')
})
