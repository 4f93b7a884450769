import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { runRounds } from '../../dist/bench/harness.js'
import { htmlReport } from '../../dist/bench/html-report.js'
import { comparedWith, makeReport, reportTable } from '../../dist/bench/report.js'
import { scenarios } from '../../dist/bench/scenarios.js'

/** Small enough for a test run, large enough that every place of the load is used at least once. */
const operations = 300
const workflowsMax = 40
const options = {
  rounds: 1,
  size: { seconds: 30, warmUpSeconds: 30, operations },
  workflowsMax,
  dir: tmpdir(),
}

test.each(scenarios)('$name does and checks what it counts', async (scenario) => {
  const results = await runRounds([scenario], options)
  const [measurement] = results.get(scenario.name) ?? []
  // Signals to workflows that run may end with one more to each, which waits until it is processed.
  const lastSignals = Math.min(scenario.workflows ?? 0, workflowsMax)
  expect([operations, operations + lastSignals]).toContain(measurement?.operations)
  expect(measurement?.rate).toBeGreaterThan(0)
  expect(measurement?.p50Ms).toBeLessThanOrEqual(measurement?.p99Ms ?? 0)
})

test('a scenario that fails in its process fails the run, with its reason', async () => {
  const unknown = {
    name: 'no-such-scenario',
    title: '',
    measure: () => Promise.reject(new Error()),
  }
  await expect(runRounds([unknown], options)).rejects.toThrow('There is no scenario')
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
  rssMiB: 100,
})
const never = () => Promise.reject(new Error('A report measures nothing.'))

test('a report has the ratios of each round to its own ceiling, and their medians', () => {
  const ceiling = { name: 'ceiling', title: 'the ceiling', measure: never }
  const ours = {
    name: 'ours',
    title: 'our own',
    ceiling: 'ceiling',
    aim: { of: 'ceiling', figure: 'rate', atLeast: 0.6 },
    measure: never,
  } as const
  const results = new Map([
    ['ceiling', [100, 200, 400].map(measurement)],
    ['ours', [90, 100, 240].map(measurement)],
  ])
  const report = makeReport([ceiling, ours], results, { ...options, rounds: 3 })
  expect(report.scenarios[0]?.median.rate).toBe(200)
  expect(report.scenarios[0]?.comparison).toBeUndefined()
  expect(report.scenarios[1]?.comparison).toMatchObject({ rate: 0.6 })
  expect(report.scenarios[1]?.aimReached).toBe(true)
  expect(report.scenarios[1]?.comparison?.p50Ms).toBeCloseTo(1 / 0.6)
  expect(reportTable(report)).toContain('≥ 0.6 ✓')
})

test('a page has the plots of its scenarios, and how they compare with an earlier report', () => {
  const names = [1, 256, 4_096].flatMap((n) => [`lmdb-${n}`, `one-workflow-${n}`])
  const chosen = scenarios.filter(({ name }) => names.includes(name))
  const report = (rate: number) =>
    makeReport(chosen, new Map(names.map((name) => [name, [measurement(rate)]])), options)
  const later = report(5_000)
  const compared = comparedWith(later, report(2_500))
  // Ceilings by their rates, the others by their ratios to the ceiling, which stayed the same.
  expect(compared.get('lmdb-256')).toBe(2)
  expect(compared.get('one-workflow-256')).toBe(1)
  expect(reportTable(later, compared)).toContain('× before')
  const page = htmlReport(later, compared)
  expect(page.match(/<svg/g)).toHaveLength(2)
  expect(page).toContain('5 k')
  expect(page).not.toMatch(/(src|href)=/)
})
