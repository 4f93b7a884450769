import { Agent, request } from 'node:http'
import type { Flight } from '../airports/airport-totals.ts'
import type { AirportStatus } from '../airports/workflows.ts'

/** What came of a signal: on disk, to be sent again a little later, or to be sent again since nobody knows. */
export type SignalOutcome = 'acknowledged' | 'busy' | 'unknown'

interface Answer {
  readonly status: number
  readonly body: string
}

/** The two HTTP calls of the demo, over connections that stay open. */
export class AirportClient {
  readonly #port: number
  readonly #agent: Agent

  constructor(port: number, connections: number) {
    this.#port = port
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  async signalDeparture(
    airport: string,
    flight: Flight,
    requestId: string,
  ): Promise<SignalOutcome> {
    const path = `${workflowPath(airport)}/signal-with-start/departed`
    const body = {
      workflowType: { name: 'airport' },
      input: [airport],
      signalInput: [flight],
      requestId,
    }
    let answer: Answer
    try {
      answer = await this.#post(path, body)
    } catch (error) {
      if (isConnectionError(error)) return 'unknown'
      throw error
    }
    if (answer.status === 200) return 'acknowledged'
    if (answer.status === 429) return 'busy'
    if (answer.status === 503) return 'unknown'
    throw new Error(`Signalling ${airport} gave ${answer.status}: ${answer.body}`)
  }

  async status(airport: string): Promise<AirportStatus> {
    const answer = await this.#post(`${workflowPath(airport)}/query/airportStatus`, {})
    if (answer.status !== 200) {
      throw new Error(`Asking ${airport} gave ${answer.status}: ${answer.body}`)
    }
    const { queryResult }: { queryResult: [AirportStatus] } = JSON.parse(answer.body)
    return queryResult[0]
  }

  close(): void {
    this.#agent.destroy()
  }

  #post(path: string, body: unknown): Promise<Answer> {
    const bytes = Buffer.from(JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: '127.0.0.1',
        port: this.#port,
        path,
        method: 'POST',
        agent: this.#agent,
        headers: { 'content-type': 'application/json', 'content-length': bytes.length },
      })
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
        })
      })
      outgoing.end(bytes)
    })
  }
}

function workflowPath(airport: string): string {
  return `/api/v1/namespaces/default/workflows/${encodeURIComponent(`airport/${airport}`)}`
}

function isConnectionError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE'
}
