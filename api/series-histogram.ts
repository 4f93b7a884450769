import { Histogram, type Registry } from 'prom-client'

export interface SeriesHistogramOptions {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  /** Upper bounds, ascending, without infinity. */
  readonly buckets: readonly number[]
  readonly registry: Registry
}

type Labels = Readonly<Record<string, string>>

/**
 * A histogram for what happens many times at once: a value is added with how often it stands, at the
 * cost of one, and a series that is kept is found without looking for its labels.
 */
export class SeriesHistogram extends Histogram {
  readonly #config: SeriesHistogramOptions
  readonly #series: HistogramSeries[] = []

  constructor(options: SeriesHistogramOptions) {
    const { name, help, labelNames = [], buckets, registry } = options
    super({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [registry] })
    this.#config = options
  }

  /** A new series. The caller makes each once, and has a bound on how many there are. */
  series(labels: Labels = {}): HistogramSeries {
    const series = new HistogramSeries(labels, this.#config.buckets)
    this.#series.push(series)
    return series
  }

  override get(): ReturnType<Histogram['get']> {
    const { name, help } = this.#config
    // A series with labels begins when something happens: most routes of an API are never called.
    const told = this.#series.filter(
      ({ count }) => count > 0 || (this.#config.labelNames ?? []).length === 0,
    )
    const values = told.flatMap((series) => series.values(name))
    // The type asks for fields of the class itself, which the registry does not.
    const found = { name, help, type: 'histogram', aggregator: 'sum', values } as unknown
    return Promise.resolve(found as Awaited<ReturnType<Histogram['get']>>)
  }

  /** What the registry asks for the text form. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }

  override reset(): void {
    super.reset()
    // The constructor above calls it too, before there are series.
    if (#series in this) for (const series of this.#series) series.reset()
  }
}

export class HistogramSeries {
  readonly #labels: Labels
  readonly #buckets: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(labels: Labels, buckets: readonly number[]) {
    this.#labels = labels
    this.#buckets = buckets
    // The last one is of what is above all bounds.
    this.#counts = new Float64Array(buckets.length + 1)
  }

  add(value: number, count = 1): void {
    const buckets = this.#buckets
    let at = 0
    while (at < buckets.length && value > (buckets[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + count
    this.#sum += value * count
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  reset(): void {
    this.#counts.fill(0)
    this.#sum = 0
  }

  values(name: string) {
    let count = 0
    const bounds = [...this.#buckets, '+Inf']
    const values = bounds.map((le, at) => {
      count += this.#counts[at] as number
      return { metricName: `${name}_bucket`, labels: { ...this.#labels, le }, value: count }
    })
    return [
      ...values,
      { metricName: `${name}_sum`, labels: this.#labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.#labels, value: count },
    ]
  }
}
