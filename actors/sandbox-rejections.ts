/**
 * Promises that user code left floating. Node tells of an unhandled rejection only after the
 * macrotask, when many runs have had turns; but it reads `process.domain` when the rejection happens,
 * and calls the `emit` of what it found with the error. So while a run's code runs, that property
 * gives an object that names the run. It is an accessor, so that a turn costs two assignments and
 * only a rejection makes an object. The `domain` module is not loaded for it, and nothing is hooked.
 */
export class RejectionWatch {
  readonly #seen: [run: number, reason: unknown][] = []
  #run = 0

  constructor() {
    watchDomain()
  }

  /** The run's code is about to run; give the result to {@link end} when it has. */
  begin(run: number): RejectionWatch | undefined {
    const outer = active
    this.#run = run
    // The accessor below is one for the whole thread; it has to know whose turn it is.
    // oxlint-disable-next-line typescript/no-this-alias
    active = this
    return outer
  }

  end(outer: RejectionWatch | undefined): void {
    active = outer
  }

  /** Run code whose floating rejections concern nobody: a query's, which changes nothing. */
  ignored<T>(body: () => T): T {
    const outer = this.begin(NOBODY)
    try {
      return body()
    } finally {
      this.end(outer)
    }
  }

  take(): readonly (readonly [run: number, reason: unknown])[] {
    return this.#seen.splice(0)
  }

  /** A promise of the code that runs now was rejected, and nobody handles it so far. */
  catcher(): object {
    const run = this.#run
    return {
      // True tells Node that the rejection is handled.
      emit: (_event: string, reason: unknown): boolean => {
        if (run !== NOBODY) this.#seen.push([run, reason])
        return true
      },
    }
  }
}

const NOBODY = 0

/** Whose code runs now, if any's. */
let active: RejectionWatch | undefined
let isWatched = false

/** Once per thread. What the rest of the process sets and sees of `process.domain` stays as it was. */
function watchDomain(): void {
  if (isWatched) return
  isWatched = true
  let outside: unknown = Reflect.get(process, 'domain')
  Object.defineProperty(process, 'domain', {
    configurable: true,
    enumerable: true,
    get: () => (active === undefined ? outside : active.catcher()),
    set: (domain: unknown) => {
      outside = domain
    },
  })
}
