import { SignalboxError } from './errors.ts'

/** Which attempt of which activity a token stands for. */
export interface TaskToken {
  readonly namespace: string
  readonly workflowId: string
  readonly runId: string
  /** The number of the schedule command within its run. */
  readonly seq: number
  readonly attempt: number
}

const FORMAT = 'signalbox/1'

/**
 * The token by which an attempt is completed from outside. It says where the activity is rather than
 * being kept anywhere, so it is good for as long as the attempt is under way, across restarts too.
 */
export function encodeTaskToken(token: TaskToken): Uint8Array<ArrayBuffer> {
  const { namespace, workflowId, runId, seq, attempt } = token
  return new TextEncoder().encode(
    JSON.stringify([FORMAT, namespace, workflowId, runId, seq, attempt]),
  )
}

/** @throws SIGNALBOX_ERR_INVALID_ARGUMENT for bytes that {@link encodeTaskToken} did not make */
export function decodeTaskToken(bytes: Uint8Array): TaskToken {
  const [format, namespace, workflowId, runId, seq, attempt] = parse(bytes)
  if (
    format === FORMAT &&
    typeof namespace === 'string' &&
    typeof workflowId === 'string' &&
    typeof runId === 'string' &&
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(attempt)
  ) {
    return { namespace, workflowId, runId, seq: Number(seq), attempt: Number(attempt) }
  }
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_ARGUMENT',
    'Error deserializing task token: give the bytes of activityInfo().taskToken.',
    { fields: { field: 'taskToken' } },
  )
}

function parse(bytes: Uint8Array): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
