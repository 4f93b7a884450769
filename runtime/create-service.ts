import { ActivityCompletions } from './activity-completions.ts'
import { CallOrder } from './call-order.ts'
import { withCodecs } from './codec-service.ts'
import type { EngineParts } from './engine-parts.ts'
import { listNamespaces } from './namespaces.ts'
import { watchRuns } from './run-watch.ts'
import { WorkflowDeletion } from './workflow-deletion.ts'
import { WorkflowPauses } from './workflow-pauses.ts'
import { WorkflowReads } from './workflow-reads.ts'
import { WorkflowResets } from './workflow-resets.ts'
import { WorkflowUpdates } from './workflow-updates.ts'
import type { IntakeService, QueryResponse } from './workflow-service.ts'
import { WorkflowWrites } from './workflow-writes.ts'

/** The service of an engine. */
export function createService(engine: EngineParts): IntakeService {
  const writes = new WorkflowWrites(engine)
  const updates = new WorkflowUpdates(engine, writes)
  const reads = new WorkflowReads(engine)
  const deletion = new WorkflowDeletion(engine, (request) => writes.terminateWorkflow(request))
  const pauses = new WorkflowPauses(engine)
  const resets = new WorkflowResets(engine)
  const completions = new ActivityCompletions(engine)
  const { telemetry } = engine
  const service: IntakeService = {
    startWorkflow: (request) => writes.startWorkflow(request),
    signalWorkflow: (request) => writes.signalWorkflow(request),
    signalWithStart: (request) => writes.signalWithStart(request),
    submitSignal: (request) => {
      try {
        return writes.submitSignal(request)
      } catch (error) {
        telemetry.rejected('signal', error)
        throw error
      }
    },
    submitSignalWithStart: (request) => {
      try {
        return writes.submitSignalWithStart(request)
      } catch (error) {
        telemetry.rejected('signalWithStart', error)
        throw error
      }
    },
    cancelWorkflow: (request) => writes.cancelWorkflow(request),
    terminateWorkflow: (request) => writes.terminateWorkflow(request),
    deleteWorkflow: (request) => deletion.deleteWorkflow(request),
    releaseWorkflow: (target) => writes.releaseWorkflow(target),
    resetWorkflow: (request) => resets.resetWorkflow(request),
    pauseWorkflow: (request) => pauses.pauseWorkflow(request),
    unpauseWorkflow: (request) => pauses.unpauseWorkflow(request),
    completeActivity: (request) => completions.complete(request),
    failActivity: (request) => completions.fail(request),
    cancelActivity: (request) => completions.cancel(request),
    heartbeatActivity: (request) => completions.heartbeat(request),
    updateWorkflow: (request) => updates.updateWorkflow(request),
    pollUpdate: (request) => updates.pollUpdate(request),
    updateWithStart: (request) => updates.updateWithStart(request),
    queryWorkflow: (request): Promise<QueryResponse> => reads.queryWorkflow(request),
    describeWorkflow: (target) => reads.describeWorkflow(target),
    waitForClose: (request) => reads.waitForClose(request),
    getHistory: (request) => reads.getHistory(request),
    listWorkflows: (request) => engine.visibility.list(request),
    countWorkflows: (request) => engine.visibility.count(request),
    watchWorkflows: (namespace, onChange) => watchRuns(engine.acceptor, namespace, onChange),
    listNamespaces: () => {
      engine.checkOpen()
      return listNamespaces(engine.journal)
    },
  }
  const { codec, options } = engine
  return codec === undefined ? service : withCodecs(service, codec, new CallOrder(options.limits))
}
