import type { CallOrder, CallPlace } from './call-order.ts'
import type { CodecChain } from './payload-codec.ts'
import { payloadsBytes } from './payload-size.ts'
import type { IntakeService, Target } from './workflow-service.ts'

interface Call extends Target {
  readonly signal?: AbortSignal | undefined
}

/**
 * The service of an engine whose journal holds encoded payloads: what comes in is encoded, what goes
 * out is decoded. Queries stay in memory, so theirs are left alone; a history shows what rests in the
 * journal, as in Temporal.
 *
 * Guarantee: calls that change a workflow take their place in its order in the very call, however
 * long their encoding takes; one whose encoding fails rejects, and nothing of it was done.
 */
export function withCodecs(
  service: IntakeService,
  codec: CodecChain,
  order: CallOrder,
): IntakeService {
  /** Throws at once if there is no place. */
  function submit<R extends Call, T>(request: R, call: (encoded: R) => Promise<T>): Promise<T> {
    const place = order.take(request.namespace, request.workflowId, payloadsBytes(request))
    return encodeInto(place, request, call)
  }
  async function encodeInto<R extends Call, T>(
    place: CallPlace,
    request: R,
    call: (encoded: R) => Promise<T>,
  ): Promise<T> {
    try {
      const encoded = await codec.encode(request)
      // A signal is no plain data that could be copied.
      const { signal } = request
      return await place.fill(() => call(signal === undefined ? encoded : { ...encoded, signal }))
    } catch (error) {
      place.free()
      throw error
    }
  }
  // oxlint-disable-next-line typescript/require-await -- what is thrown rejects
  const inOrder: typeof submit = async (request, call) => submit(request, call)
  return {
    ...service,
    startWorkflow: (request) => inOrder(request, (encoded) => service.startWorkflow(encoded)),
    signalWorkflow: (request) => inOrder(request, (encoded) => service.signalWorkflow(encoded)),
    signalWithStart: (request) => inOrder(request, (encoded) => service.signalWithStart(encoded)),
    submitSignal: (request) => submit(request, (encoded) => service.submitSignal(encoded)),
    submitSignalWithStart: (request) =>
      submit(request, (encoded) => service.submitSignalWithStart(encoded)),
    updateWorkflow: async (request) =>
      codec.decode(await inOrder(request, (encoded) => service.updateWorkflow(encoded))),
    pollUpdate: async (request) => codec.decode(await service.pollUpdate(request)),
    updateWithStart: async (request) => {
      const { signal, ...update } = request.update
      const answer = await inOrder({ ...request, update }, (encoded) =>
        service.updateWithStart({ ...encoded, update: { ...encoded.update, signal } }),
      )
      const decoded = answer.update.then((response) => codec.decode(response))
      // Its owner may be too late to handle it, as with what the service gives.
      decoded.catch(() => undefined)
      return { ...answer, update: decoded }
    },
    cancelWorkflow: (request) => inOrder(request, (encoded) => service.cancelWorkflow(encoded)),
    terminateWorkflow: (request) =>
      inOrder(request, (encoded) => service.terminateWorkflow(encoded)),
    resetWorkflow: (request) => inOrder(request, (encoded) => service.resetWorkflow(encoded)),
    pauseWorkflow: (request) => inOrder(request, (encoded) => service.pauseWorkflow(encoded)),
    unpauseWorkflow: (request) => inOrder(request, (encoded) => service.unpauseWorkflow(encoded)),
    // Of one activity there is one outcome, whatever the order of the calls.
    completeActivity: async (request) => service.completeActivity(await codec.encode(request)),
    failActivity: async (request) => service.failActivity(await codec.encode(request)),
    cancelActivity: async (request) => service.cancelActivity(await codec.encode(request)),
    heartbeatActivity: async (request) => service.heartbeatActivity(await codec.encode(request)),
    describeWorkflow: async (target) => codec.decode(await service.describeWorkflow(target)),
    waitForClose: async (request) => codec.decode(await service.waitForClose(request)),
    listWorkflows: async (request) => codec.decode(await service.listWorkflows(request)),
    watchWorkflows: (namespace, onChange) => {
      let last = Promise.resolve()
      let stopped = false
      const stop = service.watchWorkflows(namespace, (summary) => {
        // A memo that cannot be decoded is shown as it rests: that the run has changed must be told.
        const decoded = codec.decode(summary).catch(() => summary)
        last = last.then(async () => {
          const ready = await decoded
          if (!stopped) onChange(ready)
        })
      })
      return () => {
        stopped = true
        stop()
      }
    },
  }
}
