import { readFileSync } from 'node:fs'
import { Runtime, silentLogger } from 'signalbox'
import { createServer } from 'signalbox/api'
import { beforeAll, describe, expect, test } from 'vitest'
import { parsePrometheusText, type ScrapedMetric } from '../fixtures/prometheus-text.ts'
import { temporaryFolder } from '../fixtures/lab.ts'
import { workflowsPath } from '../api/fixtures/api-server.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8')
const page = read('operations.md')
const rules = read('prometheus/signalbox.rules.yml')

let scraped: ReadonlyMap<string, ScrapedMetric>
test('a scrape after some work', async () => {
  const runtime = await Runtime.open({
    dataDir: `${await temporaryFolder()}/data`,
    workflowsPath,
    activities: { greet: (name: string) => `hello ${name}` },
    logger: silentLogger,
    slots: 1,
  })
  const app = createServer({ runtime })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { workflow } = runtime.client
  await workflow.execute('greeter', { workflowId: 'w', args: ['Ada'] })
  await expect(workflow.getHandle('nobody').signal('any')).rejects.toThrow('not found')
  await fetch(`${url}/healthz`)
  scraped = parsePrometheusText(await (await fetch(`${url}/metrics`)).text())
  await app.close()
  await runtime.close()
})

/** Names of metrics in a query, and the labels that it asks of them. */
function metricsIn(query: string): { readonly name: string; readonly labels: readonly string[] }[] {
  const pattern = /\b((?:signalbox|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g
  return [...query.matchAll(pattern)].map(([, name = '', selector = '']) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }))
}

/** What is wrong with a query: metrics that no scrape has, labels that they have not. */
function problemsOf(query: string, ofTheScraper: readonly string[]): string[] {
  return metricsIn(query).flatMap(({ name, labels }) => {
    const metric = scraped.get(name) ?? scraped.get(name.replace(/_(?:bucket|sum|count)$/, ''))
    if (metric === undefined) return [`there is no ${name}`]
    if (metric.type === 'histogram' && metric.name === name) return [`${name} is a histogram`]
    const sample = metric.samples[0]
    if (sample === undefined) return [`${name} has no sample in the scrape`]
    return labels
      .filter((label) => !ofTheScraper.includes(label) && !(label in sample.labels))
      .map((label) => `${name} has no label ${label}`)
  })
}

describe('docs/operations.md', () => {
  test('has every metric, with its type and labels', () => {
    const table = [...page.matchAll(/^\| `(signalbox_\w+)`\s*\| (\w+)\s*\|([^|]*)\|/gm)]
    const documented = table.map(([, name, type, labels = '']) => [
      name,
      type,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted(),
    ])
    const real = [...scraped.values()]
      .filter(({ name }) => name.startsWith('signalbox_'))
      .map(({ name, type, samples }) => [
        name,
        type,
        Object.keys(samples[0]?.labels ?? {})
          .filter((label) => label !== 'le')
          .toSorted(),
      ])
    const byName = (a: unknown[], b: unknown[]): number => (String(a[0]) < String(b[0]) ? -1 : 1)
    expect(real.length).toBeGreaterThan(30)
    expect(documented.toSorted(byName)).toEqual(real.toSorted(byName))
  })

  test('says of each alarm what it means', () => {
    const alarms = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
    const explained = [...page.matchAll(/^\*\*`(Signalbox\w+)`\*\*/gm)].map(([, name = '']) => name)
    expect(alarms.length).toBeGreaterThan(10)
    expect(explained).toEqual(alarms)
  })

  test('names the channels that there are', () => {
    const source = readFileSync(new URL('../../runtime/diagnostics.ts', import.meta.url), 'utf8')
    const channels = [...source.matchAll(/readonly '(signalbox:[\w-]+)'/g)].map(
      ([, name = '']) => name,
    )
    expect(channels.length).toBeGreaterThan(10)
    const listed = new Set([...page.matchAll(/`(signalbox:[\w-]+)`/g)].map(([, name = '']) => name))
    expect([...listed].toSorted()).toEqual(channels.toSorted())
  })
})

describe('the alarms', () => {
  test('ask for metrics and labels that a scrape has', () => {
    const expressions = [...rules.matchAll(/expr: (?:\|\n((?: {10}.*\n)+)|(.*))/g)].map(
      ([, block, line]) => block ?? line ?? '',
    )
    expect(expressions).toHaveLength([...rules.matchAll(/- alert:/g)].length)
    for (const expression of expressions) {
      expect(metricsIn(expression).length).toBeGreaterThan(0)
      expect(problemsOf(expression, ['job', 'instance'])).toEqual([])
    }
  })
})

describe('the dashboard', () => {
  interface Panel {
    readonly id: number
    readonly type: string
    readonly title: string
    readonly gridPos: { x: number; y: number; w: number; h: number }
    readonly targets?: readonly { readonly expr: string }[]
  }
  let panels: readonly Panel[]
  let text: string
  beforeAll(() => {
    text = read('grafana/signalbox.json')
    panels = (JSON.parse(text) as { panels: Panel[] }).panels
  })

  test('asks for metrics and labels that a scrape has', () => {
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    expect(queries.length).toBeGreaterThan(30)
    for (const query of queries) {
      expect(metricsIn(query).length).toBeGreaterThan(0)
      expect(problemsOf(query, ['job', 'instance'])).toEqual([])
    }
  })

  test('shows every metric of signalbox', () => {
    const missing = [...scraped.keys()].filter(
      (name) => name.startsWith('signalbox_') && !text.includes(name),
    )
    expect(missing).toEqual([])
  })

  test('is made of panels that do not lie on each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = new Map<string, string>()
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.get(`${x} ${y}`), `${title} at ${x} ${y}`).toBeUndefined()
          cells.set(`${x} ${y}`, title)
        }
      }
    }
  })
})
