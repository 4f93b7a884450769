import type {
  ChildCancellationTypeName,
  ParentClosePolicyName,
  StartChildCommand,
} from '../commands.ts'
import { toPayloadMap, toPayloads } from '../payload-converter.ts'
import type { Activator } from './activator.ts'
import { encodeSearchAttributes } from '../search-attribute-payloads.ts'
import type {
  SearchAttributePair,
  SearchAttributes,
  TypedSearchAttributes,
} from '../search-attributes.ts'
import { assertInWorkflowContext } from './current-run.ts'
import {
  extractWorkflowType,
  type SignalDefinition,
  type Workflow,
  type WorkflowResultType,
} from './definitions.ts'
import { optionalFiniteMs, type Duration } from './duration.ts'
import { enumValue } from './enum-value.ts'
import type { StartedChild } from './linked-workflows.ts'
import {
  composeInterceptors,
  headersField,
  type StartChildWorkflowExecutionInput,
} from './interceptors.ts'
import { notBuilt } from './not-built.ts'
import { fillRetryPolicy, type RetryPolicy } from './retry-policy.ts'
import { uuid4 } from './uuid4.ts'
import { WorkflowIdReusePolicy } from './workflow-id-policies.ts'

/**
 * What cancelling the scope of a child does. `ABANDON`: let it run and go on at once. `TRY_CANCEL`: ask
 * it to cancel itself and go on at once. `WAIT_CANCELLATION_COMPLETED`: ask it, and wait for its end,
 * whatever that is. `WAIT_CANCELLATION_REQUESTED`: ask it, and wait; Temporal's SDK, and so this one,
 * waits for its end here too.
 */
export const ChildWorkflowCancellationType = {
  ABANDON: 'ABANDON',
  TRY_CANCEL: 'TRY_CANCEL',
  WAIT_CANCELLATION_REQUESTED: 'WAIT_CANCELLATION_REQUESTED',
  WAIT_CANCELLATION_COMPLETED: 'WAIT_CANCELLATION_COMPLETED',
} as const
export type ChildWorkflowCancellationType =
  (typeof ChildWorkflowCancellationType)[keyof typeof ChildWorkflowCancellationType]

/** What becomes of a child when the run that started it closes, by continue-as-new too. */
export const ParentClosePolicy = {
  /** It is terminated. The default. */
  TERMINATE: 'TERMINATE',
  /** It goes on. */
  ABANDON: 'ABANDON',
  /** It is asked to cancel itself. */
  REQUEST_CANCEL: 'REQUEST_CANCEL',
  /** @deprecated Leave the option out. */
  PARENT_CLOSE_POLICY_UNSPECIFIED: undefined,
  /** @deprecated Use {@link ParentClosePolicy.TERMINATE}. */
  PARENT_CLOSE_POLICY_TERMINATE: 'TERMINATE',
  /** @deprecated Use {@link ParentClosePolicy.ABANDON}. */
  PARENT_CLOSE_POLICY_ABANDON: 'ABANDON',
  /** @deprecated Use {@link ParentClosePolicy.REQUEST_CANCEL}. */
  PARENT_CLOSE_POLICY_REQUEST_CANCEL: 'REQUEST_CANCEL',
} as const
export type ParentClosePolicy = (typeof ParentClosePolicy)[keyof typeof ParentClosePolicy]

export interface ChildWorkflowOptions {
  /** Default a UUID, drawn from the run's own random numbers. */
  workflowId?: string
  /** Recorded; one runtime runs all workflows. Default this workflow's. */
  taskQueue?: string
  /** Default `WAIT_CANCELLATION_COMPLETED`. */
  cancellationType?: ChildWorkflowCancellationType
  /** Default `TERMINATE`. */
  parentClosePolicy?: ParentClosePolicy
  /** Whether the id may be used again after a run that has closed. Default it may. */
  workflowIdReusePolicy?: WorkflowIdReusePolicy
  /** Default it is not tried again. */
  retry?: RetryPolicy
  /** As that of a start: the child begins when it is due, and this workflow hears of its chain's end. */
  cronSchedule?: string
  /** The longest that the child may take, runs that continue it included. Default no limit. */
  workflowExecutionTimeout?: Duration
  /** The longest that one run of it may take. Default no limit. */
  workflowRunTimeout?: Duration
  workflowTaskTimeout?: Duration
  memo?: Record<string, unknown>
  /** Prefer `typedSearchAttributes`, which count where both name a key. */
  searchAttributes?: SearchAttributes
  typedSearchAttributes?: SearchAttributePair[] | TypedSearchAttributes
  /** Shown beside the child in this workflow's history. */
  staticSummary?: string
  staticDetails?: string
  /** Accepted and without effect here: one runtime runs all workflows. */
  priority?: { priorityKey?: number; fairnessKey?: string; fairnessWeight?: number }
  /** @deprecated Accepted and without effect here. */
  versioningIntent?: 'COMPATIBLE' | 'DEFAULT'
}

/** What Temporal's options have beside these. */
const notBuiltOptions = ['typeInfo', 'eventGroups']

/** A workflow that is only known by its name. */
// oxlint-disable-next-line typescript/no-explicit-any -- as Temporal has it: nothing is known of it
type UntypedWorkflow = (...args: any[]) => Promise<any>

/** Options with the arguments, which may be left out if the workflow takes none. */
export type WithWorkflowArgs<W extends Workflow, T> = T &
  (Parameters<W> extends [unknown, ...unknown[]]
    ? { args: Parameters<W> | Readonly<Parameters<W>> }
    : { args?: Parameters<W> | Readonly<Parameters<W>> })

/** Options of a signal that is sent by name. */
export interface WorkflowSignalOptions<Args extends unknown[] = []> {
  args?: Args
}

/** What every handle of a workflow has. */
export interface BaseWorkflowHandle<W extends Workflow> {
  readonly workflowId: string
  /** What the workflow returns, once its chain of runs has ended. */
  result(): Promise<WorkflowResultType<W>>
  /**
   * Send it a signal. Resolves when the signal is in its history.
   *
   * @throws {ApplicationFailure} if it has closed
   */
  signal<Args extends unknown[] = [], Name extends string = string>(
    def: SignalDefinition<Args, Name> | string,
    ...args: Args
  ): Promise<void>
  signalWithOptions<Args extends unknown[] = []>(
    signalName: string,
    options: WorkflowSignalOptions<Args>,
  ): Promise<void>
}

export interface ChildWorkflowHandle<W extends Workflow> extends BaseWorkflowHandle<W> {
  /** The child's first run. */
  readonly firstExecutionRunId: string
}

/** Options of a child with the defaults of those that have one. */
export type ChildWorkflowOptionsWithDefaults = ChildWorkflowOptions & {
  workflowId: string
  cancellationType: ChildCancellationTypeName
  args: unknown[]
}

/** Fill in the defaults of `workflowId` (a UUID, drawn now), `args` and `cancellationType`. */
export function addDefaultWorkflowOptions(
  options: ChildWorkflowOptions & { args?: readonly unknown[] },
): ChildWorkflowOptionsWithDefaults {
  return {
    ...options,
    workflowId: options.workflowId ?? uuid4(),
    args: [...(options.args ?? [])],
    cancellationType:
      options.cancellationType ?? ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  }
}

/**
 * Start a child workflow and wait until it has started.
 *
 * @throws {WorkflowExecutionAlreadyStartedError} if the workflow id is taken
 * @throws {CancelledFailure} if the scope was cancelled before
 */
export function startChild<W extends Workflow = UntypedWorkflow>(
  workflowType: string,
  options: WithWorkflowArgs<W, ChildWorkflowOptions>,
): Promise<ChildWorkflowHandle<W>>
export function startChild<W extends Workflow>(
  workflowFunc: W,
  options: WithWorkflowArgs<W, ChildWorkflowOptions>,
): Promise<ChildWorkflowHandle<W>>
export function startChild<W extends () => Promise<unknown> = UntypedWorkflow>(
  workflowType: string,
): Promise<ChildWorkflowHandle<W>>
export function startChild<W extends () => Promise<unknown>>(
  workflowFunc: W,
): Promise<ChildWorkflowHandle<W>>
export async function startChild(
  workflow: string | Workflow,
  options?: ChildWorkflowOptions & { args?: readonly unknown[] },
): Promise<ChildWorkflowHandle<Workflow>> {
  const activator = assertInWorkflowContext(
    'Workflow.startChild(...) may only be used from a Workflow Execution. Consider using Client.workflow.start(...) instead.)',
  )
  const filled = addDefaultWorkflowOptions(options ?? {})
  const [started, completed] = await begin(
    activator,
    extractWorkflowType(workflow),
    filled,
    'start',
  )
  const firstExecutionRunId = await started
  const { workflowId } = filled
  const signal = (name: string, args: unknown[]): Promise<void> => {
    const { links } = activator
    return links.signal(links.takeSignalSeq(), { workflowId, childOnly: true }, name, args)
  }
  return {
    workflowId,
    firstExecutionRunId,
    async result() {
      activator.links.noteResult(completed)
      return await completed
    },
    async signal(def, ...args) {
      return signal(typeof def === 'string' ? def : def.name, args)
    },
    async signalWithOptions(signalName, { args }) {
      return signal(signalName, args ?? [])
    },
  }
}

/**
 * Start a child workflow and wait for its result.
 *
 * @throws {ChildWorkflowFailure} if it fails, is cancelled, terminated or times out; see its `cause`
 * @throws {WorkflowExecutionAlreadyStartedError} if the workflow id is taken
 */
export function executeChild<W extends Workflow = UntypedWorkflow>(
  workflowType: string,
  options: WithWorkflowArgs<W, ChildWorkflowOptions>,
): Promise<WorkflowResultType<W>>
export function executeChild<W extends Workflow>(
  workflowFunc: W,
  options: WithWorkflowArgs<W, ChildWorkflowOptions>,
): Promise<WorkflowResultType<W>>
export function executeChild<W extends () => Promise<unknown> = UntypedWorkflow>(
  workflowType: string,
): Promise<WorkflowResultType<W>>
export function executeChild<W extends () => Promise<unknown>>(
  workflowFunc: W,
): Promise<WorkflowResultType<W>>
export async function executeChild(
  workflow: string | Workflow,
  options?: ChildWorkflowOptions & { args?: readonly unknown[] },
): Promise<unknown> {
  const activator = assertInWorkflowContext(
    'Workflow.executeChild(...) may only be used from a Workflow Execution. Consider using Client.workflow.execute(...) instead.',
  )
  const filled = addDefaultWorkflowOptions(options ?? {})
  const both = begin(activator, extractWorkflowType(workflow), filled, 'end')
  return both.then(([, completed]) => completed)
}

function begin(
  activator: Activator,
  workflowType: string,
  options: ChildWorkflowOptionsWithDefaults,
  until: 'start' | 'end',
): Promise<StartedChild> {
  activator.assertWritable()
  const input = { workflowType, options, headers: {}, seq: activator.links.takeChildSeq() }
  const start = (given: StartChildWorkflowExecutionInput): Promise<StartedChild> =>
    activator.links.startChild(
      () => ({
        ...makeCommand(activator, given.seq, given.workflowType, given.options),
        ...headersField(given.headers),
      }),
      until,
    )
  const outbound = activator.extensions?.interceptors?.outbound
  return outbound === undefined
    ? start(input)
    : composeInterceptors(outbound, 'startChildWorkflowExecution', start)(input)
}

function makeCommand(
  activator: Activator,
  seq: number,
  workflowType: string,
  options: ChildWorkflowOptionsWithDefaults,
): StartChildCommand {
  for (const name of notBuiltOptions) {
    if (name in options) notBuilt(`ChildWorkflowOptions.${name}`)
  }
  const { searchAttributes, typedSearchAttributes } = options
  const hasAttributes = searchAttributes !== undefined || typedSearchAttributes !== undefined
  const parentClosePolicy: ParentClosePolicyName =
    enumValue(ParentClosePolicy, 'PARENT_CLOSE_POLICY_', options.parentClosePolicy) ?? 'TERMINATE'
  const cancellationType = enumValue(ChildWorkflowCancellationType, '', options.cancellationType)
  const reusePolicy = enumValue(
    WorkflowIdReusePolicy,
    'WORKFLOW_ID_REUSE_POLICY_',
    options.workflowIdReusePolicy,
  )
  return {
    kind: 'startChildWorkflow',
    seq,
    workflowId: options.workflowId,
    workflowType,
    args: toPayloads(options.args),
    taskQueue: options.taskQueue || activator.started.taskQueue,
    parentClosePolicy,
    cancellationType: cancellationType ?? 'WAIT_CANCELLATION_COMPLETED',
    ...given('executionTimeoutMs', optionalFiniteMs(options.workflowExecutionTimeout)),
    ...given('runTimeoutMs', optionalFiniteMs(options.workflowRunTimeout)),
    ...given('taskTimeoutMs', optionalFiniteMs(options.workflowTaskTimeout)),
    ...given('idReusePolicy', reusePolicy),
    ...given('retryPolicy', options.retry && fillRetryPolicy(options.retry)),
    ...given('cronSchedule', options.cronSchedule),
    ...given('memo', options.memo && toPayloadMap(options.memo)),
    ...(hasAttributes
      ? { searchAttributes: encodeSearchAttributes(searchAttributes, typedSearchAttributes) }
      : {}),
    ...given('summary', options.staticSummary),
    ...given('details', options.staticDetails),
  }
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}
