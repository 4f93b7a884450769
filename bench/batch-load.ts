import { request as httpRequestTo, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { benchWorkflowsPath } from './bench-runtime.ts'
import type { LoadResult } from './closed-loop.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { Meter } from './meter.ts'
import type { LoadBounds, LoadSize, Measurement } from './measurement.ts'
import { ServerProcess } from './server-process.ts'
import { type Compare, compareSideBySide } from './side-by-side.ts'
import { shuffled } from './shuffled.ts'
import { withSignals } from './signal-load.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const namespacePath = '/api/v1/namespaces/default'
/** Lines that go out in one piece. */
const linesPerPiece = 1_000
/** As many signals in process as the server takes lines of a batch in hand. */
const batchInFlight = 4_096

/**
 * Signals as the lines of one request, sent as fast as the server takes them. The last line to each
 * workflow is a request of its own that waits until it is processed. Every line must be answered without
 * an error, and every workflow must have counted what it was sent. There are no latencies.
 * Then it runs in turns with the same signals in process, which are its ceiling.
 */
export function measureBatches(
  dataDir: string,
  workflows: number,
  size: LoadSize,
): Promise<Measurement> {
  const served = join(dataDir, 'served')
  if (size.isAlone === true) return measureServed(served, workflows, size)
  const inProcess = { workflows, inFlight: batchInFlight }
  return withSignals(join(dataDir, 'in-process'), inProcess, async (signals) => {
    await signals(size.warmUp)
    return measureServed(served, workflows, size, (own, rate) =>
      compareSideBySide({ own, ceiling: signals, bounds: size, workflows, rate }),
    )
  })
}

async function measureServed(
  dataDir: string,
  workflows: number,
  size: LoadSize,
  compare?: Compare,
): Promise<Measurement> {
  const script = fileURLToPath(new URL(`../api/cli.${extension}`, import.meta.url))
  const options = ['--workflows', benchWorkflowsPath, '--data-dir', dataDir, '--port', '0']
  const server = await ServerProcess.start(script, ['serve', ...options, '--log-level', 'error'])
  try {
    const line = (n: number, fields: object): string =>
      `${JSON.stringify({ workflowId: `counter-${n}`, signalName: 'add', ...fields })}\n`
    const signals = Array.from({ length: workflows }, (_, n) => line(n, { input: [1] }))
    const sent = new Uint32Array(workflows)
    const next = inTurn(signals, sent)
    const begun = signals.map((_, n) =>
      line(n, { workflowType: { name: 'counter' }, signalInput: [1] }),
    )
    await exchange(server.port, '/signals?waitFor=processed', [begun.join('')])
    sent.fill(1)

    const run = async (bounds: LoadBounds): Promise<LoadResult> => {
      const started = performance.now()
      const lines = await exchange(server.port, '/signals', piecesOf(next, bounds))
      const last = await exchange(server.port, '/signals?waitFor=processed', [signals.join('')])
      for (const n of signals.keys()) sent[n] = (sent[n] ?? 0) + 1
      const seconds = (performance.now() - started) / 1000
      return { operations: lines + last, seconds, latencies: new LatencyRecorder() }
    }
    await run(size.warmUp)
    const meter = new Meter({ dataDir, server: server.pid })
    const measurement = meter.measurement(await run(size))
    const ofCeiling = await compare?.(run, measurement.rate)

    for (const n of signals.keys()) {
      const path = `http://127.0.0.1:${server.port}${namespacePath}/workflows/counter-${n}/query/total`
      const answer = await fetch(path, { method: 'POST' })
      const { queryResult } = (await answer.json()) as { readonly queryResult: [number] }
      if (queryResult[0] === sent[n]) continue
      throw new Error(`Workflow ${n} counted ${queryResult[0]} of ${sent[n]} signals.`)
    }
    return { ...measurement, ...(ofCeiling !== undefined && { ofCeiling }) }
  } finally {
    await server.stop()
  }
}

/** The next line, counted in `sent`: to the workflows in the order in which signals in process come to them. */
function inTurn(signals: readonly string[], sent: Uint32Array): () => string {
  const order = shuffled(signals.length)
  // Goes on from one load to the next: those at the beginning would be in the caches.
  let begun = 0
  return () => {
    const workflow = order[begun++ % signals.length] ?? 0
    sent[workflow] = (sent[workflow] ?? 0) + 1
    return signals[workflow] ?? ''
  }
}

/** Lines until either bound is reached. */
function* piecesOf(
  next: () => string,
  until: { readonly operations: number; readonly seconds: number },
): Generator<string> {
  const deadline = performance.now() + until.seconds * 1000
  let done = 0
  while (done < until.operations && performance.now() < deadline) {
    const lines = Math.min(linesPerPiece, until.operations - done)
    let piece = ''
    for (let i = 0; i < lines; i += 1) piece += next()
    done += lines
    yield piece
  }
}

/** One request of these pieces. @returns how many lines were answered, all without an error */
function exchange(port: number, path: string, pieces: Iterable<string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = httpRequestTo(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: `${namespacePath}${path}`,
        headers: { 'content-type': 'application/x-ndjson' },
      },
      (answer) => {
        countAnswers(answer).then(resolve, reject)
      },
    )
    sending.on('error', reject)
    const iterator = pieces[Symbol.iterator]()
    const send = (): void => {
      for (;;) {
        const next = iterator.next()
        if (next.done === true) return void sending.end()
        if (!sending.write(next.value)) break
      }
      sending.once('drain', send)
    }
    send()
  })
}

async function countAnswers(answer: IncomingMessage): Promise<number> {
  let lines = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (chunk.includes('"error"')) throw new Error(`A line was refused: ${chunk.toString()}`)
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1
  }
  if (answer.statusCode !== 200) throw new Error(`The batch was answered ${answer.statusCode}.`)
  return lines
}
