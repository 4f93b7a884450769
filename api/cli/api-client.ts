import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { CliError, exitCodes } from './cli-error.ts'
import { tlsAdvice } from './tls-flags.ts'

/** A server that is silent for longer is gone: long polls are answered within a minute. */
const silenceMs = 300_000

/** Where a command sends its requests. */
export interface Connection {
  /** The server's URL, without a slash at the end. */
  readonly address: string
  readonly namespace: string
  readonly token?: string | undefined
  /** For an address with https://. Default: Node's own. */
  readonly tls?: ConnectionOptions | undefined
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

  /** Begin a request with the connection's token and certificates. */
  open(method: string, url: string, headers: OutgoingHttpHeaders): ClientRequest {
    const { address } = this.connection
    // A URL would resolve the ids "." and "..", and the request would be for something else.
    const path = new URL(address).pathname.replace(/\/$/, '') + url.slice(address.length)
    const options = { method, path, headers: { ...this.headers, ...headers } }
    const outgoing = url.startsWith('https:')
      ? httpsRequest(address, { ...options, ...this.connection.tls })
      : httpRequest(address, options)
    outgoing.setTimeout(silenceMs, () => outgoing.destroy(new Error('the server does not answer')))
    return outgoing
  }

  delete<Answer>(path: string, query?: Query): Promise<ApiAnswer<Answer>> {
    return this.#send('DELETE', this.url(path, query))
  }

  async #send<Answer>(method: string, url: string, body?: unknown): Promise<ApiAnswer<Answer>> {
    const json = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const outgoing = this.open(
      method,
      url,
      json === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': json.byteLength },
    )
    let response: IncomingMessage
    let text: string
    try {
      response = await responseOf(outgoing.end(json))
      text = await textOf(response)
    } catch (error) {
      throw unreachable(this.connection.address, error)
    }
    const { statusCode = 0 } = response
    if (statusCode < 200 || statusCode > 299) throw refused(statusCode, text)
    return { text, value: parse(text) as Answer }
  }
}

/** The answer's headers; its body is to be read. Rejects if the connection fails before. */
export function responseOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
  })
}

export async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return text
}

/** The path of a workflow below its namespace. */
export function workflowPath(workflowId: string, rest = ''): string {
  return `/workflows/${encodeURIComponent(workflowId)}${rest}`
}

/** The connection failed: nobody listens, or not at this address. */
export function unreachable(address: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  // Of several addresses that failed, Node's error has a code and no message.
  const reason = (cause instanceof Error ? cause.message : String(cause)) || code
  const advice =
    tlsAdvice(code) ||
    ' Is "signalbox serve" running there? Give another address with --address or SIGNALBOX_ADDRESS.'
  return new CliError(
    `cannot reach ${address}: ${reason || 'connection failed'}.${advice}`,
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
