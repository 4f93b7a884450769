import { type ApiClient, workflowPath } from './api-client.ts'
import { CliError, exitCodes } from './cli-error.ts'
import { plain, type Printer } from './printer.ts'

/** How long the first request waits, and the longest. Short at first: a mistake in new code shows at once. */
const firstWaitSeconds = 2
const longestWaitSeconds = 30

export interface ResultAnswer {
  readonly status: string
  readonly runId?: string
  readonly result?: unknown
  readonly failure?: { readonly message?: string; readonly cause?: ResultAnswer['failure'] }
  /** Of an open run that does not advance: why. */
  readonly signalbox?: Standstill
}

interface Standstill {
  readonly parked?: { readonly reason: string; readonly stack?: string }
  readonly quarantined?: { readonly reason: string }
}

/**
 * Wait for a workflow's result, however long it takes, and print it. Meanwhile it is told on stderr if
 * the workflow does not advance: else a mistake in its code would look like a hang.
 *
 * @throws CliError with exit code 3 if the workflow does not complete
 */
export async function printResult(
  client: ApiClient,
  printer: Printer,
  workflowId: string,
  runId: string | undefined,
): Promise<void> {
  let told: string | undefined
  for (let wait = firstWaitSeconds; ; wait = Math.min(2 * wait, longestWaitSeconds)) {
    const path = workflowPath(workflowId, '/result')
    const query = { timeout: `${wait}s`, 'execution.runId': runId }
    const { text, value } = await client.get<ResultAnswer>(path, query)
    const status = value.status.replace('WORKFLOW_EXECUTION_STATUS_', '')
    if (status === 'RUNNING') {
      const why = standstillText(workflowId, value.signalbox)
      if (why !== undefined && why !== told) process.stderr.write(`${plain(why)}\n`)
      told = why
      continue
    }
    const fields = {
      Status: status,
      RunId: value.runId,
      Result: value.result,
      Failure: failureText(value.failure),
    }
    printer.record('Result:', fields, text)
    if (status === 'COMPLETED') return
    const why = failureText(value.failure)
    throw new CliError(
      `workflow ${workflowId} is ${status}${why === undefined ? '' : `: ${why}`}`,
      exitCodes.workflowFailed,
    )
  }
}

/** Why a workflow does not advance, where in its code, and what helps. Undefined if it does. */
function standstillText(
  workflowId: string,
  { parked, quarantined }: Standstill = {},
): string | undefined {
  if (quarantined !== undefined) {
    return (
      `workflow ${workflowId} is quarantined, and not tried again by itself: ${quarantined.reason}\n` +
      'Still waiting: mend its code, then release it, or terminate it.'
    )
  }
  if (parked === undefined) return undefined
  return (
    `workflow ${workflowId} is parked: ${parkedText(parked)}\n` +
    'Still waiting: this is no failure of the workflow, so it is tried again until its code is mended. ' +
    'Throw ApplicationFailure to fail it.'
  )
}

/** Why a run is parked, and the places of its error in the code. */
export function parkedText({ reason, stack }: NonNullable<Standstill['parked']>): string {
  const places = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [reason, ...places].join('\n')
}

/** The messages of a failure and its causes. */
export function failureText(failure: ResultAnswer['failure']): string | undefined {
  if (failure === undefined) return undefined
  const cause = failureText(failure.cause)
  return `${failure.message ?? 'failed'}${cause === undefined ? '' : `: ${cause}`}`
}
