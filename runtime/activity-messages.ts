import type { MessagePort } from 'node:worker_threads'
import type { Payload } from '../actors/payload.ts'
import type { AttemptOutcome } from './activity-executor.ts'
import type { ActivityTimeouts } from './activity-policy.ts'
import type { ActivityTask } from './activity-task.ts'
import type { ActivityCancelReason } from './activity/cancellation.ts'
import type { LogLevel, LogMetadata } from './activity/logger.ts'
import type { DataConverterOptions } from './data-converter-options.ts'

/** What a thread of activities begins with. */
export interface ActivityThreadStart {
  readonly port: MessagePort
  /** The module of the activities. */
  readonly file: string
  /** Modules whose `interceptors` stand around them. */
  readonly interceptorFiles: readonly string[]
  readonly dataConverter: Pick<
    DataConverterOptions,
    'payloadConverterPath' | 'failureConverterPath'
  >
  readonly maxPayloadBytes: number
}

/** From the host to a thread. An attempt is known by a number of the host's. */
export type ToActivityThread =
  | {
      readonly is: 'start'
      readonly id: number
      readonly task: ActivityTask
      readonly timeouts: ActivityTimeouts
    }
  | { readonly is: 'cancel'; readonly id: number; readonly reason: ActivityCancelReason }
  | { readonly is: 'detach'; readonly id: number }

/** Why a file of activities cannot be used, in parts: an error loses its own on the way to the host. */
export interface UnusableFile {
  readonly reason: string
  /** The place, if it is known. */
  readonly fields: Readonly<Record<string, string | number>>
  /** Of what it threw. */
  readonly stack?: string
}

/** From a thread to the host. */
export type FromActivityThread =
  /** The module is loaded; or it is not, and why. */
  | { readonly is: 'ready'; readonly activityTypes: readonly string[] }
  | ({ readonly is: 'unusable' } & UnusableFile)
  | { readonly is: 'ended'; readonly id: number; readonly outcome: AttemptOutcome }
  | { readonly is: 'heartbeat'; readonly id: number; readonly details: readonly Payload[] }
  /** A `cancel` has arrived, so the thread is not stuck. */
  | { readonly is: 'heard' }
  | {
      readonly is: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly meta: LogMetadata
    }
