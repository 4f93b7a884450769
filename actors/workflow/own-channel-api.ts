import type { CompatibleApi } from './compatible-api.ts'
import { assertInWorkflowContext } from './current-run.ts'
import { defineSignal, setHandler } from './definitions.ts'
import { log } from './log.ts'
import { condition } from './waiting.ts'

/** What channels and their kin are made of when they run on signalbox. */
export const ownChannelApi: CompatibleApi = {
  condition,
  handleSignal: (name, handler) => setHandler(defineSignal<unknown[]>(name), handler),
  warn: (message, attributes) => log.warn(message, attributes),
  hook: {
    channels: () => assertInWorkflowContext().channels,
    currentSignalSeq: () => assertInWorkflowContext().handlers.currentSignalSeq,
    carry: (source) => assertInWorkflowContext().handlers.addCarriedSource(source),
    unhandledSignalNames: () => assertInWorkflowContext().handlers.bufferedNames(),
  },
}
