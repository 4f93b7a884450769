import type { LoadSize, Measurement } from './measurement.ts'

/** What a scenario's process is told. */
export interface ScenarioTask {
  readonly name: string
  readonly dataDir: string
  readonly size: LoadSize
  readonly workflows: number
}

/** What it answers. */
export type ScenarioAnswer =
  | { readonly measurement: Measurement; readonly error?: undefined }
  | { readonly error: string; readonly measurement?: undefined }
