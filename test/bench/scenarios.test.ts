import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { runRounds } from '../../dist/bench/harness.js'
import { htmlReport } from '../../dist/bench/html-report.js'
import { comparedWith, makeReport, reportTable } from '../../dist/bench/report.js'
import { titleOf } from '../../dist/bench/scenario.js'
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

test('a title tells how many workflows are taken', () => {
  const titles = (workflowsMax?: number) =>
    scenarios
      .filter(({ name }) => name === 'workflows-100000' || name === 'turns')
      .map((scenario) => titleOf(scenario, workflowsMax))
  expect(titles()).toEqual([
    'signals to 100,000 workflows, 4,096 in flight',
    'turns in the sandbox alone',
  ])
  expect(titles(10)[0]).toBe('signals to 10 workflows, 4,096 in flight')
})

const measurement = (rate: number) => ({
  operations: rate,
  seconds: 1,
  rate,
  p50Ms: 1000 / rate,
  p90Ms: 1500 / rate,
  p99Ms: 2000 / rate,
  p999Ms: 3000 / rate,
  cpus: 1,
  cpuMicros: 1e6 / rate,
  rssMiB: 100,
  diskBytes: 50,
})
const never = () => Promise.reject(new Error('A report measures nothing.'))

test('a report has the ratios of each round to its own ceiling, and their medians', () => {
  const ceiling = {
    name: 'ceiling',
    title: 'the ceiling',
    group: 'ceilings' as const,
    measure: never,
  }
  const ours = {
    name: 'ours',
    title: 'our own',
    group: 'signals',
    ceiling: 'ceiling',
    aims: [
      { of: 'ceiling', figure: 'rate', atLeast: 0.6 },
      { of: 'itself', figure: 'openMs', atMost: 10 },
    ],
    measure: never,
  } as const
  const opened = (rate: number, openMs: number) => ({ ...measurement(rate), figures: { openMs } })
  const results = new Map([
    ['ceiling', [100, 200, 400].map(measurement)],
    ['ours', [opened(90, 30), opened(100, 20), opened(240, 5)]],
  ])
  const report = makeReport([ceiling, ours], results, { ...options, rounds: 3 })
  expect(report.scenarios[0]?.median.rate).toBe(200)
  expect(report.scenarios[0]?.comparison).toBeUndefined()
  expect(report.scenarios[1]?.comparison).toMatchObject({ rate: 0.6 })
  expect(report.scenarios[1]?.aims).toMatchObject([
    { value: 0.6, reached: true },
    { value: 20, reached: false },
  ])
  expect(report.scenarios[1]?.comparison?.p50Ms).toBeCloseTo(1 / 0.6)
  expect(reportTable(report)).toContain('≥ 0.6 ✓, open ≤ 10 ms ✗')
  expect(reportTable(report)).toContain('open 20 ms')
})

test('a page has the plots of its scenarios, and how they compare with an earlier report', () => {
  const chosen = withCeilings(['signals', 'open-loop', 'scale', 'soak'])
  const names = chosen.map(({ name }) => name)
  const sample = (seconds: number) => ({
    ...measurement(100),
    seconds,
    memoryMiB: 100,
    diskMiB: seconds,
  })
  const report = (rate: number) => {
    const round = {
      ...measurement(rate),
      figures: { openMs: 200, firstSignalMs: 300 },
      samples: Array.from({ length: 60 }, (_, n) => sample(n + 1)),
    }
    return makeReport(chosen, new Map(names.map((name) => [name, [round]])), options)
  }
  const later = report(5_000)
  const compared = comparedWith(later, report(2_500))
  // Ceilings by their rates, the others by their ratios to the ceiling, which stayed the same.
  expect(compared.get('lmdb-256')?.rate).toBe(2)
  expect(compared.get('one-workflow-256')).toEqual({ rate: 1, p99Ms: 0.5, cpuMicros: 0.5 })
  expect(reportTable(later, compared)).toContain('× before')
  const page = htmlReport(later, compared)
  // Throughput, three of latency, two of cost, recovery, two of the course of the long run.
  expect(page.match(/<svg/g)).toHaveLength(9)
  expect(page).toContain('5 k')
  expect(page).not.toMatch(/(src|href)=/)
  expect(page).not.toContain('NaN')
})
