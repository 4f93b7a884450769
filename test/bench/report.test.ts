import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { changesSince } from '../../dist/bench/changes.js'
import { htmlReport } from '../../dist/bench/html-report.js'
import { type Figures, makeReport, type Report } from '../../dist/bench/report.js'
import { changesTable, reportTable } from '../../dist/bench/report-table.js'
import type { Scenario } from '../../dist/bench/scenario.js'
import { withCeilings } from '../../dist/bench/scenarios.js'

const circumstances = {
  date: '2026-01-02T03:04:05.678Z',
  version: '1.2.3',
  machine: {
    cpu: 'a processor',
    processors: 2,
    memoryMiB: 2_048,
    kernel: 'linux',
    node: 'v20.0.0',
  },
  fileSystem: 'ext4',
  argv: ['--seconds', '3'],
  v8Flags: ['--max-semi-space-size=64'],
}
const bounds = { seconds: 3, operations: 300 }

function reportOf(
  scenarios: readonly Scenario[],
  results: Readonly<Record<string, readonly unknown[]>>,
  { seconds = 3, workflowsMax }: { readonly seconds?: number; readonly workflowsMax?: number } = {},
): Report {
  return makeReport({
    scenarios,
    results: new Map(Object.entries(results)) as unknown as Parameters<
      typeof makeReport
    >[0]['results'],
    options: {
      rounds: 3,
      size: { ...bounds, seconds, warmUp: bounds },
      dir: tmpdir(),
      ...(workflowsMax !== undefined && { workflowsMax }),
    },
    circumstances,
    failures: [],
    isComplete: true,
  })
}

/** As it is read again. */
function written(report: Report): Parameters<typeof changesSince>[1] {
  return JSON.parse(JSON.stringify(report)) as Parameters<typeof changesSince>[1]
}

const measurement = (rate: number) => ({
  operations: rate,
  seconds: 1,
  rate,
  p50Ms: 1000 / rate,
  p90Ms: 1500 / rate,
  p99Ms: 2000 / rate,
  p999Ms: 3000 / rate,
  maxMs: 5000 / rate,
  cpus: 1,
  cpuMicros: 1e6 / rate,
  rssMiB: 100,
  diskBytes: 50,
})
const untimed = (rate: number): Figures => ({ operations: rate, seconds: 1, rate, cpuMicros: 1 })
const never = () => Promise.reject(new Error('A report measures nothing.'))
const ceiling = {
  name: 'ceiling',
  title: 'the ceiling',
  group: 'ceilings',
  measure: never,
} as const
const ours = {
  name: 'ours',
  title: 'our own',
  group: 'signals',
  ceiling: 'ceiling',
  aims: [
    { of: 'ceiling', figure: 'rate', atLeast: 0.6 },
    { of: 'itself', figure: 'openMs', atMost: 10 },
    { of: 'itself', figure: 'pageMs', atMost: 10 },
  ],
  measure: never,
} as const

test('a report has the ratios of each round to its own ceiling, and their medians', () => {
  const opened = (rate: number, openMs: number) => ({ ...measurement(rate), figures: { openMs } })
  const report = reportOf([ceiling, ours], {
    ceiling: [100, 200, 400].map(measurement),
    ours: [opened(90, 30), opened(100, 20), opened(240, 5)],
  })
  const [best, own] = report.scenarios
  expect(best?.median.rate).toBe(200)
  expect(best?.median.maxMs).toBe(50)
  expect(best?.comparison).toBeUndefined()
  expect(own?.comparison).toMatchObject({ rate: 0.6, method: 'one after the other' })
  expect(own?.aims).toMatchObject([
    { value: 0.6, range: [0.5, 0.9], reached: true },
    { value: 20, range: [5, 30], reached: false },
    { reached: false },
  ])
  expect(report.aims.map(({ scenario, reached }) => [scenario, reached])).toEqual([
    ['ours', false],
    ['ours', false],
    ['ours', true],
  ])
  expect(own?.comparison?.p50Ms).toBeCloseTo(1 / 0.6)
  const text = reportTable(report)
  expect(text).toContain('≥ 0.6 ✓, open ≤ 10 ms ✗, page ≤ 10 ms ✗')
  expect(text).toContain('open 20 ms')
  expect(text).toContain('1 of 3 aims is met')
  expect(htmlReport(report)).toContain('not measured')
})

test('a ratio side by side has its own rates beside it, and what is not timed has no latency', () => {
  const beside = (rate: number) => ({
    ...untimed(rate),
    ofCeiling: { rate: 0.5, p50Ms: Number.NaN, ownRate: rate, ceilingRate: rate * 2, pairs: 4 },
  })
  const report = reportOf([ceiling, ours], {
    ceiling: [untimed(1_000), untimed(1_000)],
    ours: [beside(1_000), beside(3_000)],
  })
  expect(report.scenarios[1]?.comparison).toMatchObject({ method: 'side by side', rate: 0.5 })
  const rates = 'side by side 2,000 (1,000 … 3,000) to 4,000 (2,000 … 6,000) a second, 4 pairs'
  expect(reportTable(report)).toContain(rates)
  expect(reportTable(report)).not.toContain('p50 ms')
  expect(htmlReport(report, changesSince(report, written(report)))).toContain(rates)
  expect(htmlReport(report, changesSince(report, written(report)))).not.toMatch(/NaN|undefined/)
})

test('changes tell rates from ratios, noise from change, and what else differs', () => {
  const rounds = (...rates: readonly number[]) => rates.map(measurement)
  const before = reportOf([ceiling, ours], {
    ceiling: rounds(100, 110, 120),
    ours: rounds(50, 55, 60),
  })
  const later = reportOf(
    [ceiling, ours],
    { ceiling: rounds(200, 220, 240), ours: rounds(58, 110, 120) },
    { seconds: 1 },
  )
  const changes = changesSince(later, written(before))
  expect(changes.differences).toEqual(['seconds: 1, then 3'])
  expect(changes.scenarios).toMatchObject([
    { name: 'ceiling', rate: { times: 2, isNoise: false } },
    {
      name: 'ours',
      rate: { times: 2, isNoise: true },
      ofCeiling: { times: 1 },
      p99Ms: { times: 0.5 },
      cpuMicros: { times: 0.5 },
    },
  ])
  expect(changes.scenarios[0]).not.toHaveProperty('ofCeiling')
  const text = changesTable(changes)
  expect(text).toMatch(/rate × before +of ceiling × before/)
  expect(text).toContain('differs: seconds: 1, then 3')
  expect(htmlReport(later, changes)).toContain('within noise')
})

test('a page has the plots of its scenarios, and says which have one point only', () => {
  const chosen = withCeilings(['signals', 'open-loop', 'scale', 'soak'])
  const names = chosen.map(({ name }) => name)
  const sample = (seconds: number) => ({
    ...measurement(100),
    seconds,
    memoryMiB: 100,
    diskMiB: seconds,
  })
  const round = {
    ...measurement(5_000),
    figures: { openMs: 200, firstSignalMs: 300 },
    samples: Array.from({ length: 60 }, (_, n) => sample(n + 1)),
  }
  const page = htmlReport(
    reportOf(chosen, Object.fromEntries(names.map((name) => [name, [round]]))),
  )
  // Throughput, three of latency, two of cost, recovery, two of the course of the long run.
  expect(page.match(/<svg/g)).toHaveLength(9)
  expect(page).toContain('5 k')
  // All that were asked for more than 5,000 a second.
  expect(page).toContain('not sustained')
  expect(page).not.toContain('Not drawn')
  expect(page).not.toMatch(/(src|href)=/)
  expect(page).not.toMatch(/NaN|undefined/)
  const single = htmlReport(
    reportOf(withCeilings(['one-workflow-1']), { 'one-workflow-1': [round] }),
  )
  expect(single).not.toContain('<svg')
  expect(single).toContain('Not drawn: “One workflow: durable, processed signals a second”')
})

test('a title tells how many workflows were taken', () => {
  const chosen = withCeilings(['workflows-100000']).filter(({ ceiling }) => ceiling !== undefined)
  const titles = (of: { readonly workflowsMax?: number }) =>
    reportOf(chosen, { 'workflows-100000': [measurement(1)] }, of).scenarios.map(
      ({ title }) => title,
    )
  expect(titles({})).toEqual(['signals to 100,000 workflows, 4,096 in flight'])
  expect(titles({ workflowsMax: 10 })).toEqual(['signals to 10 workflows, 4,096 in flight'])
})

test('columns that a narrow terminal has no room for are left out', () => {
  const report = reportOf([ceiling], { ceiling: [measurement(100)] })
  expect(reportTable(report)).toMatch(/p90 .*p99 +p99\.9 +max/)
  expect(reportTable(report, 50)).toMatch(/p50 ms +p99 +p99\.9 +CPU/)
})
