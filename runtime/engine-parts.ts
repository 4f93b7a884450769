import type { Acceptor } from './acceptor.ts'
import type { ActivityRunner } from './activity-runner.ts'
import type { Committer } from './committer.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Journal } from './journal.ts'
import type { ResolvedOptions } from './options.ts'
import type { CodecChain } from './payload-codec.ts'
import type { RequestLedger } from './request-ledger.ts'
import type { Run } from './run.ts'
import type { RunCloser } from './run-closer.ts'
import type { Retention } from './retention.ts'
import type { RunFailures } from './run-failures.ts'
import type { RunTable } from './run-table.ts'
import type { Telemetry } from './telemetry.ts'
import type { UpdateRegistry } from './update-registry.ts'
import type { Visibility } from './visibility.ts'

export type EngineState = 'recovering' | 'serving' | 'draining' | 'poisoned' | 'closed'

/** The engine's parts, as the calls of the service see them. */
export interface EngineParts {
  readonly options: ResolvedOptions
  readonly journal: Journal
  readonly runs: RunTable
  readonly requests: RequestLedger
  readonly committer: Committer
  readonly acceptor: Acceptor
  readonly dispatcher: Dispatcher
  readonly closer: RunCloser
  readonly retention: Retention
  readonly failures: RunFailures
  readonly activities: ActivityRunner
  readonly updates: UpdateRegistry
  readonly visibility: Visibility
  readonly telemetry: Telemetry
  /** Undefined without payload codecs. */
  readonly codec: CodecChain | undefined
  /** End the wait for a delayed run's first turn. */
  beginTurns(run: Run): void
  hasWorkflowType(workflowType: string): boolean
  workflowTypes(): readonly string[]
  /** @throws SIGNALBOX_ERR_RUNTIME_CLOSED, SIGNALBOX_ERR_RUNTIME_POISONED */
  checkOpen(): void
}
