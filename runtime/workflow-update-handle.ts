import { failureToError } from '../actors/failure-converter.ts'
import { fromPayload } from '../actors/payload-converter.ts'
import { type Duration, optionalFiniteMs } from '../actors/workflow/duration.ts'
import {
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from './client-errors.ts'
import { checkUpdateWaitOptions } from './client-options.ts'
import type { ClientSetup } from './client-setup.ts'
import { convert } from './convert-arguments.ts'
import { nameOf } from './name-of.ts'
import { hasReached } from './run-updates.ts'
import type { GivenArguments, WithArgs } from './typed-arguments.ts'
import type {
  UpdateOutcome,
  UpdateRequest,
  UpdateResponse,
  UpdateStage,
  WorkflowService,
} from './workflow-service.ts'

/** How far an update is. `UNSPECIFIED` is there for Temporal's sake and cannot be waited for. */
export const WorkflowUpdateStage = {
  /** It is on disk. */
  ADMITTED: 'ADMITTED',
  /** The workflow has accepted or rejected it. */
  ACCEPTED: 'ACCEPTED',
  /** It has its outcome. */
  COMPLETED: 'COMPLETED',
  UNSPECIFIED: undefined,
} as const
export type WorkflowUpdateStage = (typeof WorkflowUpdateStage)[keyof typeof WorkflowUpdateStage]

/** How long to wait for an update. Ending the wait changes nothing for the update. */
export interface UpdateWaitOptions {
  /** Default for ever. Beyond it: WorkflowUpdateRPCTimeoutOrCancelledError. */
  readonly timeout?: Duration
  /** Ends the wait with WorkflowUpdateRPCTimeoutOrCancelledError. */
  readonly abortSignal?: AbortSignal
}

/** What is said of an update, besides its arguments. */
export interface UpdateOptions extends UpdateWaitOptions {
  /**
   * The same id for the same run is the same update: a retry joins it, or gets its outcome, after a crash
   * and after the run's close too. Default: a new one.
   */
  readonly updateId?: string
}

/** What `executeUpdate` takes beside the update. */
export type WorkflowUpdateOptions<Args extends unknown[] = unknown[]> = WithArgs<
  Args,
  UpdateOptions
>

/** How far an update is to be before the call resolves. */
export interface AwaitedStage {
  readonly waitForStage: UpdateStage
}

/** What `startUpdate` takes beside the update. */
export type StartUpdateOptions<Args extends unknown[] = unknown[]> = WithArgs<
  Args,
  UpdateOptions & AwaitedStage
>

/** A way to one update, in the shape of `@temporalio/client`'s handle. */
export interface WorkflowUpdateHandle<Ret> {
  readonly updateId: string
  readonly workflowId: string
  /** The run that the update is of. */
  readonly workflowRunId?: string
  /**
   * What the handler returned, once it has.
   *
   * @throws WorkflowUpdateFailedError if it was rejected or failed, or its run closed before it was over
   * @throws WorkflowNotFoundError if there is no such update, or its run closed before accepting it
   */
  result(options?: UpdateWaitOptions): Promise<Ret>
}

/** The part of a request that an update's definition and options make. */
export function updateContent(
  definition: { readonly name: string } | string,
  options: UpdateOptions & GivenArguments,
  { converters }: ClientSetup,
): Pick<UpdateRequest, 'updateName' | 'args' | 'updateId' | 'timeoutMs' | 'signal'> {
  return {
    updateName: nameOf(definition),
    args: convert(options.args ?? [], converters),
    updateId: options.updateId,
    ...waitOf(options),
  }
}

/** The handle that an answer gives, once the update is as far as was asked for. */
export function updateHandleOf<Ret>(
  service: WorkflowService,
  setup: ClientSetup,
  namespace: string | undefined,
  response: UpdateResponse,
  stage: UpdateStage,
): WorkflowUpdateHandle<Ret> {
  const { workflowId, runId, updateId, outcome } = response
  if (!hasReached(response.stage, stage)) throw waitEnded(response)
  const target = { namespace, workflowId, runId }
  return createUpdateHandle<Ret>(service, setup, target, updateId, outcome)
}

export function createUpdateHandle<Ret>(
  service: WorkflowService,
  { converters }: ClientSetup,
  target: Pick<UpdateRequest, 'namespace' | 'workflowId' | 'runId'>,
  updateId: string,
  known?: UpdateOutcome,
): WorkflowUpdateHandle<Ret> {
  const { workflowId, runId } = target
  return {
    updateId,
    workflowId,
    ...(runId === undefined ? {} : { workflowRunId: runId }),
    result: async (options = {}) => {
      checkUpdateWaitOptions(options)
      const outcome = known ?? (await pollOutcome(service, target, updateId, options))
      const value = converters === undefined ? read(outcome) : converters.use(() => read(outcome))
      return value as Ret
    },
  }
}

function read(outcome: UpdateOutcome): unknown {
  if ('result' in outcome) return fromPayload(outcome.result)
  throw new WorkflowUpdateFailedError('Workflow Update failed', failureToError(outcome.failure))
}

async function pollOutcome(
  service: WorkflowService,
  target: Pick<UpdateRequest, 'namespace' | 'workflowId' | 'runId'>,
  updateId: string,
  options: UpdateWaitOptions,
): Promise<UpdateOutcome> {
  const request = { ...target, updateId, waitForStage: 'COMPLETED', ...waitOf(options) } as const
  const response = await service.pollUpdate(request)
  if (response.outcome === undefined) throw waitEnded(response)
  return response.outcome
}

function waitOf({ timeout, abortSignal }: UpdateWaitOptions) {
  return { timeoutMs: optionalFiniteMs(timeout), signal: abortSignal }
}

function waitEnded({
  workflowId,
  runId,
  updateId,
  stage,
}: UpdateResponse): WorkflowUpdateRPCTimeoutOrCancelledError {
  return new WorkflowUpdateRPCTimeoutOrCancelledError(
    `the wait for update ${updateId} ended while it was ${stage}; ask again with its id`,
    { workflowId, runId, updateId, stage },
  )
}
