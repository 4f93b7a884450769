import { CliError, exitCodes } from './cli-error.ts'

/** Where a command sends its requests. */
export interface Connection {
  /** The server's URL, without a slash at the end. */
  readonly address: string
  readonly namespace: string
  readonly token?: string | undefined
}

/** An answer: its text as it came, since parsing and printing would change large numbers. */
export interface ApiAnswer<Answer> {
  readonly text: string
  readonly value: Answer
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The HTTP API, for the command line: errors say what to do. */
export class ApiClient {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** The URL of a path below the namespace. */
  url(path: string, query: Query = {}): string {
    const { address, namespace } = this.connection
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value))
    }
    const suffix = search.size === 0 ? '' : `?${search.toString()}`
    return `${address}/api/v1/namespaces/${encodeURIComponent(namespace)}${path}${suffix}`
  }

  get headers(): Record<string, string> {
    const { token } = this.connection
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  get<Answer>(path: string, query?: Query): Promise<ApiAnswer<Answer>> {
    return this.#send('GET', this.url(path, query))
  }

  post<Answer>(path: string, body: unknown, query?: Query): Promise<ApiAnswer<Answer>> {
    return this.#send('POST', this.url(path, query), body)
  }

  async #send<Answer>(method: string, url: string, body?: unknown): Promise<ApiAnswer<Answer>> {
    let response: Response
    let text: string
    try {
      response = await fetch(url, {
        method,
        headers:
          body === undefined
            ? this.headers
            : { ...this.headers, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      text = await response.text()
    } catch (error) {
      throw unreachable(this.connection.address, error)
    }
    if (!response.ok) throw refused(response.status, text)
    return { text, value: parse(text) as Answer }
  }
}

/** The path of a workflow below its namespace. */
export function workflowPath(workflowId: string, rest = ''): string {
  return `/workflows/${encodeURIComponent(workflowId)}${rest}`
}

/** The connection failed: nobody listens, or not at this address. */
export function unreachable(address: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new CliError(
    `cannot reach ${address}: ${reason || 'connection failed'}. ` +
      'Is "signalbox serve" running there? Give another address with --address or SIGNALBOX_ADDRESS.',
    exitCodes.unavailable,
  )
}

interface Status {
  readonly message?: string
  readonly details?: readonly { readonly '@type'?: string; readonly reason?: string }[]
}

/** What the server answered instead of a result, and what to do about it. */
export function refused(http: number, body: string): CliError {
  const status = parse(body) as Status | undefined
  const reason = status?.details?.find((detail) => detail.reason !== undefined)?.reason
  const message = status?.message ?? `the server answered ${http}: is it signalbox?`
  const advice =
    http === 401
      ? ' Give the token with --token or SIGNALBOX_TOKEN.'
      : http === 429 || http === 503
        ? ' Try again later.'
        : ''
  return new CliError(
    `${message}${reason === undefined ? '' : ` (${reason})`}${advice}`,
    http === 429 || http === 503 ? exitCodes.unavailable : exitCodes.failed,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
