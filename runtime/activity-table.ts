import { type ActivityExecution, newExecution } from './activity-execution.ts'
import { type ActivityTask, isLocal } from './activity-task.ts'

/** The activities without an outcome, by run and number, in the order of scheduling. */
export class ActivityTable {
  readonly #runs = new Map<number, Map<number, ActivityExecution>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** @throws RangeError for an activity that is there already: its two outcomes would be one too many */
  add(task: ActivityTask): ActivityExecution {
    const { run, command } = task
    let executions = this.#runs.get(run)
    if (executions === undefined) {
      executions = new Map()
      this.#runs.set(run, executions)
    } else if (executions.has(command.seq)) {
      throw new RangeError(`activity ${command.seq} of run ${run} was scheduled twice`)
    }
    const execution = newExecution(task)
    executions.set(command.seq, execution)
    this.#size++
    return execution
  }

  get(run: number, seq: number): ActivityExecution | undefined {
    return this.#runs.get(run)?.get(seq)
  }

  /** By number, or by id: then no local one, which nobody can know. */
  find(
    run: number,
    by: { readonly seq: number } | { readonly activityId: string },
  ): ActivityExecution | undefined {
    if ('seq' in by) return this.get(run, by.seq)
    return this.ofRun(run).find(
      ({ task }) => !isLocal(task) && task.command.activityId === by.activityId,
    )
  }

  delete(execution: ActivityExecution): void {
    const { run, command } = execution.task
    const executions = this.#runs.get(run)
    if (executions?.delete(command.seq) !== true) return
    this.#size--
    if (executions.size === 0) this.#runs.delete(run)
  }

  ofRun(run: number): ActivityExecution[] {
    return [...(this.#runs.get(run)?.values() ?? [])]
  }

  all(): ActivityExecution[] {
    return Array.from(this.#runs.keys(), (run) => this.ofRun(run)).flat()
  }
}
