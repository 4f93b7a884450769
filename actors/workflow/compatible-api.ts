/**
 * All that channels and selectors are made of: names of `@temporalio/workflow`, and a hook that only
 * signalbox has. With this one module exchanged they run on Temporal.
 */
export { type Duration } from './duration.ts'
export { defineSignal, setHandler, type SignalDefinition } from './definitions.ts'
export { condition } from './waiting.ts'
export { channelHook } from './channel-hook.ts'
