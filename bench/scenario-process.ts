/**
 * The process that one run of one scenario has for itself. It takes its task as a message, answers
 * with the measurement or the error, and ends; without its parent it ends at once.
 */
import { findScenario } from './scenarios.ts'
import type { ScenarioAnswer, ScenarioTask } from './scenario-task.ts'

process.once('disconnect', () => process.exit(1))

process.once('message', (task: ScenarioTask) => {
  measure(task).then(
    (answer) => process.send?.(answer, () => process.exit(0)),
    (error: unknown) => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const answer: ScenarioAnswer = { error: reason }
      process.send?.(answer, () => process.exit(1))
    },
  )
})

async function measure({ name, dataDir, size, workflows }: ScenarioTask): Promise<ScenarioAnswer> {
  const measurement = await findScenario(name).measure({ dataDir, size, workflows })
  return { measurement }
}
