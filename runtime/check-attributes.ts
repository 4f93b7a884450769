import { memoProblem, searchAttributesProblem, type UpsertLimits } from '../actors/upsert-limits.ts'
import { SignalboxError } from './errors.ts'
import type { StartRequest } from './workflow-service.ts'

/**
 * Check what a start says of its workflow beside the arguments.
 *
 * @throws SIGNALBOX_ERR_INVALID_ARGUMENT, SIGNALBOX_ERR_PAYLOAD_TOO_LARGE naming the limit
 */
export function checkAttributes(
  { memo, searchAttributes }: Pick<StartRequest, 'memo' | 'searchAttributes'>,
  limits: UpsertLimits,
): void {
  const found = searchAttributes && searchAttributesProblem(searchAttributes, limits)
  if (found !== undefined) {
    const fields = { field: 'searchAttributes' }
    throw new SignalboxError('SIGNALBOX_ERR_INVALID_ARGUMENT', found, { fields })
  }
  const tooLarge = memo && memoProblem(memo, limits)
  if (tooLarge !== undefined) {
    const fields = { field: 'memo' }
    throw new SignalboxError('SIGNALBOX_ERR_PAYLOAD_TOO_LARGE', tooLarge, { fields })
  }
}
