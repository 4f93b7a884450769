import {
  condition,
  defineSignal,
  log,
  setHandler,
  type SignalDefinition,
} from '@temporalio/workflow'
import { bindCompatibleApi } from './compatible-api.ts'
import {
  getSignalChannel as getChannel,
  type OneArgument,
  type SignalChannel,
  type SignalChannelOptions,
} from './signal-channel.ts'

/**
 * `signalbox/channels`: channels, selectors and locks for workflow files that import everything else from
 * `@temporalio/workflow` and run on signalbox and on a Temporal cluster alike. Signalbox's bundler puts its
 * own in place of this module; Temporal's bundles it with the SDK that the project has.
 */
bindCompatibleApi({
  condition,
  handleSignal: (name, handler) => setHandler(defineSignal<unknown[]>(name), handler),
  warn: (message, attributes) => log.warn(message, attributes),
})

export {
  Channel,
  ChannelClosedError,
  type ChannelOptions,
  type ReceiveChannel,
  type Received,
  type SendChannel,
} from './channel.ts'
export { Mutex } from './mutex.ts'
export { Selector } from './selector.ts'
export { Semaphore } from './semaphore.ts'
export { serially } from './serially.ts'
export {
  getUnhandledSignalNames,
  type SignalChannel,
  type SignalChannelOptions,
} from './signal-channel.ts'
export { WaitGroup } from './wait-group.ts'

/** As in `signalbox/workflow`, for the signal definitions of `@temporalio/workflow`. */
export const getSignalChannel: {
  <T = unknown>(signal: string, options?: SignalChannelOptions<T>): SignalChannel<T>
  <Args extends OneArgument>(
    signal: SignalDefinition<Args>,
    options?: SignalChannelOptions<Args[0]>,
  ): SignalChannel<Args[0]>
} = getChannel
