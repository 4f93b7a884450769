/**
 * What the host does for `URL` of a context, text in and text out: parsing by the standard is a large
 * table-driven affair, and Node has it. Undefined is a failure.
 */
export interface UrlParser {
  /** The parts of a URL as a JSON array in the order of {@link urlParts}. */
  parse(url: string, base: string | undefined): string | undefined
  /** The parts after one of them was assigned. */
  assign(href: string, part: string, value: string): string | undefined
  /** The pairs of a query string as a JSON array of arrays. */
  parseQuery(query: string): string
  /** The query string of such pairs. */
  formatQuery(pairsJson: string): string
}

export const urlParts = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const
type UrlPart = (typeof urlParts)[number]

let parser: UrlParser | undefined

export function setUrlParser(urlParser: UrlParser): void {
  parser = urlParser
}

function requireParser(): UrlParser {
  if (parser === undefined) throw new Error('Workflow context not initialized')
  return parser
}

const attach = Symbol('attach')

export class WorkflowURL {
  #parts: Readonly<Record<UrlPart, string>>
  readonly #searchParams = new WorkflowURLSearchParams()

  constructor(url: string | WorkflowURL, base?: string | WorkflowURL) {
    const parts = requireParser().parse(String(url), base === undefined ? undefined : String(base))
    if (parts === undefined) {
      throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: url })
    }
    this.#parts = read(parts)
    this.#searchParams[attach](this.#parts.search, (search) => this.#assign('search', search))
  }

  static canParse(url: unknown, base?: string): boolean {
    return requireParser().parse(String(url), base) !== undefined
  }

  static parse(url: string, base?: string): WorkflowURL | null {
    return WorkflowURL.canParse(url, base) ? new WorkflowURL(url, base) : null
  }

  get searchParams(): WorkflowURLSearchParams {
    return this.#searchParams
  }

  toString(): string {
    return this.#parts.href
  }

  toJSON(): string {
    return this.#parts.href
  }

  static {
    for (const part of urlParts) {
      Object.defineProperty(this.prototype, part, {
        configurable: true,
        enumerable: true,
        get(this: WorkflowURL) {
          return this.#parts[part]
        },
        ...(part === 'origin'
          ? {}
          : {
              set(this: WorkflowURL, value: unknown) {
                this.#assign(part, String(value))
                if (part === 'search' || part === 'href') {
                  this.#searchParams[attach](this.#parts.search)
                }
              },
            }),
      })
    }
  }

  #assign(part: UrlPart, value: string): void {
    const parts = requireParser().assign(this.#parts.href, part, value)
    // Node ignores what it cannot assign, except a whole URL that is none.
    if (parts === undefined) throw new TypeError('Invalid URL')
    this.#parts = read(parts)
  }
}

function read(json: string): Record<UrlPart, string> {
  const values = JSON.parse(json) as string[]
  return Object.fromEntries(urlParts.map((part, at) => [part, values[at] ?? ''])) as Record<
    UrlPart,
    string
  >
}

type Pair = [name: string, value: string]

export class WorkflowURLSearchParams {
  #pairs: Pair[] = []
  #changed: ((search: string) => void) | undefined

  constructor(init?: string | Iterable<readonly [unknown, unknown]> | Record<string, unknown>) {
    if (init === undefined || init === null) return
    if (typeof init !== 'object') this.#pairs = parsePairs(init)
    else {
      const entries = Symbol.iterator in init ? init : Object.entries(init)
      for (const [name, value] of entries) this.#pairs.push([String(name), String(value)])
    }
  }

  [attach](search: string, changed = this.#changed): void {
    this.#pairs = search === '' ? [] : parsePairs(search)
    this.#changed = changed
  }

  get size(): number {
    return this.#pairs.length
  }

  append(name: unknown, value: unknown): void {
    this.#pairs.push([String(name), String(value)])
    this.#update()
  }

  delete(name: string, value?: string): void {
    this.#pairs = this.#pairs.filter(
      (pair) => pair[0] !== name || (value !== undefined && pair[1] !== value),
    )
    this.#update()
  }

  get(name: string): string | null {
    return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null
  }

  getAll(name: string): string[] {
    return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1])
  }

  has(name: string, value?: string): boolean {
    return this.#pairs.some(
      (pair) => pair[0] === name && (value === undefined || pair[1] === value),
    )
  }

  set(name: string, value: unknown): void {
    const first = this.#pairs.find((pair) => pair[0] === name)
    if (first === undefined) this.#pairs.push([name, String(value)])
    else {
      first[1] = String(value)
      this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== name)
    }
    this.#update()
  }

  sort(): void {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    this.#update()
  }

  forEach(callback: (value: string, name: string, params: this) => void): void {
    for (const [name, value] of this.#pairs) callback(value, name, this)
  }

  *entries(): IterableIterator<Pair> {
    for (const [name, value] of this.#pairs) yield [name, value]
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#pairs) yield name
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.#pairs) yield value
  }

  [Symbol.iterator](): IterableIterator<Pair> {
    return this.entries()
  }

  toString(): string {
    return requireParser().formatQuery(JSON.stringify(this.#pairs))
  }

  #update(): void {
    this.#changed?.(this.toString())
  }
}

function parsePairs(query: string): Pair[] {
  return JSON.parse(requireParser().parseQuery(query)) as Pair[]
}
