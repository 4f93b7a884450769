import type { WorkflowClient } from 'signalbox'
import type { Journal } from '../../runtime/journal.ts'
import { EngineHost } from '../fixtures/engine-host.ts'
import { Gate } from '../fixtures/gated-journal.ts'
import { bundleOf } from '../fixtures/lab.ts'

/** An engine that can be closed, crashed and opened again over the same data. */
export class System {
  readonly #openJournal: () => Promise<Journal>
  #host: EngineHost
  #gate: Gate

  private constructor(openJournal: () => Promise<Journal>, host: EngineHost, gate: Gate) {
    this.#openJournal = openJournal
    this.#host = host
    this.#gate = gate
  }

  static async open(openJournal: () => Promise<Journal>): Promise<System> {
    const gate = new Gate()
    return new System(openJournal, await start(openJournal, gate, 2), gate)
  }

  get client(): WorkflowClient {
    return this.#host.client
  }

  async restart(slots: number): Promise<void> {
    await this.#host.close()
    this.#gate = new Gate()
    this.#host = await start(this.#openJournal, this.#gate, slots)
  }

  /** From now on nothing is written any more, as if the process had died; then a new one starts. */
  async crash(slots: number): Promise<void> {
    this.#gate.fail(new Error('the process died here'))
    await this.restart(slots)
  }

  /** End the worker that has this workflow at once. */
  killSlotOf(workflowId: string): void {
    const { runs, dispatcher } = this.#host.engine
    const run = runs.current('default', workflowId)
    if (run !== undefined) dispatcher.slotOf(run).kill('ended by the test')
  }

  close(): Promise<void> {
    return this.#host.close()
  }
}

async function start(
  openJournal: () => Promise<Journal>,
  gate: Gate,
  slots: number,
): Promise<EngineHost> {
  return EngineHost.open(gate.before(await openJournal()), await bundleOf('workflows.ts'), {
    slots,
    limits: {
      // Slots that are killed strike whom they were at work for; nobody is at fault here.
      maxStrikes: 1_000_000,
      parkBackoffMs: 2,
      parkBackoffMaxMs: 10,
      maxCachedWorkflows: 4,
      slotWindowBytes: 4_096,
    },
  })
}
