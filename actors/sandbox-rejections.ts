/**
 * Promises that user code left floating. Node tells of an unhandled rejection only after the
 * macrotask, when many runs have had turns; but it notes `process.domain` when the rejection happens.
 * So while a run's code runs an object of the run's own is there, and its `emit` is called with the
 * error. The `domain` module is not loaded for it, and nothing is hooked.
 */
export class RejectionWatch {
  readonly #byRun = new Map<number, RunDomain>()
  readonly #seen: [run: number, reason: unknown][] = []

  /** The run's code is about to run; give the result to {@link end} when it has. */
  begin(run: number): unknown {
    let domain = this.#byRun.get(run)
    if (domain === undefined) {
      domain = new RunDomain(run, this.#seen)
      this.#byRun.set(run, domain)
    }
    const outer = holder.domain
    holder.domain = domain
    return outer
  }

  end(outer: unknown): void {
    holder.domain = outer
  }

  /** Run code whose floating rejections concern nobody: a query's, which changes nothing. */
  ignored(body: () => void): void {
    const outer = holder.domain
    holder.domain = deaf
    try {
      body()
    } finally {
      holder.domain = outer
    }
  }

  forget(run: number): void {
    this.#byRun.delete(run)
  }

  take(): readonly (readonly [run: number, reason: unknown])[] {
    return this.#seen.splice(0)
  }
}

class RunDomain {
  readonly #run: number
  readonly #seen: [run: number, reason: unknown][]

  constructor(run: number, seen: [run: number, reason: unknown][]) {
    this.#run = run
    this.#seen = seen
  }

  /** True tells Node that the rejection is handled. */
  emit(_event: string, reason: unknown): boolean {
    this.#seen.push([this.#run, reason])
    return true
  }
}

const holder = process as { domain?: unknown }
const deaf = { emit: (): boolean => true }
