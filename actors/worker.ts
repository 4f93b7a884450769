import type { SlotEnd, SlotReport, SlotStart } from './protocol.ts'
import { createSandbox, type SandboxOptions } from './sandbox.ts'
import { Slot } from './slot.ts'
import { TurnMarker } from './turn-marker.ts'
import type { Sandbox, TurnError } from './turns.ts'

/**
 * The pool's entry: one long-running task per slot, which ends when the host closes the port. It
 * holds nothing that the journal cannot rebuild, so the host may terminate it at any time.
 */
export default function runSlot(start: SlotStart): Promise<SlotEnd> {
  return new Promise((resolve, reject) => {
    // The pool calls from within a microtask, where no workflow code can run to its end.
    setImmediate(() => {
      try {
        host(start, resolve)
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}

function host(
  { port, bundle, settings, status, marker }: SlotStart,
  onEnd: (end: SlotEnd) => void,
): void {
  const fields = new Float64Array(status)
  const loaded = load({
    bundle,
    settings,
    onInput: () => slot.progressed(),
    log: (run, entry) => slot.log(run, entry),
    sink: (run, call) => slot.sink(run, call),
  })
  if ('loadError' in loaded) return onEnd({ turns: 0, ...loaded })
  const { sandbox } = loaded
  const slot = new Slot({
    sandbox,
    status: fields,
    marker: marker === undefined ? undefined : new TurnMarker(marker.path, marker.slot),
    post: (report: SlotReport) => {
      port.postMessage(report, [report.frames.buffer as ArrayBuffer])
    },
  })
  port.on('message', (message: Uint8Array) => slot.receive(message))
  port.on('close', () => onEnd({ turns: fields[0] ?? 0 }))
  const { workflowTypes, loadMs } = sandbox
  port.postMessage({
    frames: new Uint8Array(0),
    consumed: 0,
    workflowTypes,
    ...(loadMs === undefined ? {} : { loadMs }),
  } satisfies SlotReport)
}

function load(
  options: SandboxOptions,
): { readonly sandbox: Sandbox } | { readonly loadError: TurnError } {
  try {
    return { sandbox: createSandbox(options) }
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
    return { loadError: { name, message, ...(stack === undefined ? {} : { stack }) } }
  }
}
