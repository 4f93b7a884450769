import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Runtime } from 'signalbox'
import { onTestFinished } from 'vitest'

export interface ExampleRuntime {
  readonly runtime: Runtime
  /** Close the runtime and open another one on the same folder. */
  restart(): Promise<Runtime>
}

/** A runtime on the workflows of an example's folder, with a temporary data folder; gone after the test. */
export async function openExample(folder: string, activities: object): Promise<ExampleRuntime> {
  const dataDir = await mkdtemp(join(tmpdir(), 'signalbox-example-'))
  const workflowsPath = new URL(`../../examples/${folder}/workflows.ts`, import.meta.url)
  const open = (): Promise<Runtime> => Runtime.open({ dataDir, workflowsPath, activities })
  // Callbacks run last in, first out: the folder goes when the runtime has let go of it.
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  let runtime = await open()
  onTestFinished(() => runtime.close())
  return {
    runtime,
    restart: async () => {
      await runtime.close()
      runtime = await open()
      return runtime
    },
  }
}

/** Activities that only write down how they were called, in order: `[name, ...arguments]`. */
export class ActivityLog {
  readonly calls: unknown[][] = []

  record(name: string): (...args: unknown[]) => Promise<void> {
    return async (...args) => {
      this.calls.push([name, ...args])
    }
  }

  named(name: string): unknown[][] {
    return this.calls.filter((call) => call[0] === name)
  }
}

/** Something that an activity waits for and a test lets go. */
export class Gate {
  #open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.#open = resolve
  })

  open(): void {
    this.#open()
  }
}
