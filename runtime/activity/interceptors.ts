import type { Headers, Next } from '../../actors/workflow/interceptors.ts'
import type { Context } from './context.ts'

export interface ActivityExecuteInput {
  readonly args: unknown[]
  readonly headers: Headers
}

/** Around activity functions. */
export interface ActivityInboundCallsInterceptor {
  execute?: (
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ) => Promise<unknown>
}

/** Around what activity functions use. */
export interface ActivityOutboundCallsInterceptor {
  /** Called for each line of the activity's log: what it returns is the line's attributes. */
  getLogAttributes?: (
    input: Record<string, unknown>,
    next: Next<ActivityOutboundCallsInterceptor, 'getLogAttributes'>,
  ) => Record<string, unknown>
}

export interface ActivityInterceptors {
  readonly inbound?: ActivityInboundCallsInterceptor
  readonly outbound?: ActivityOutboundCallsInterceptor
}
/** Called once an attempt. */
export type ActivityInterceptorsFactory = (context: Context) => ActivityInterceptors
