import { existsSync } from 'node:fs'
import { SignalboxError } from './errors.ts'

/** @throws SIGNALBOX_ERR_INVALID_OPTION if the file of activities is not there */
export function checkActivitiesFile(file: string): void {
  if (existsSync(file)) return
  throw new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `There is no activities file ${file}`, {
    fields: { option: 'activities', file },
  })
}
