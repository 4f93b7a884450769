export const HandlerUnfinishedPolicy = {
  WARN_AND_ABANDON: 'WARN_AND_ABANDON',
  ABANDON: 'ABANDON',
} as const
/** Whether a handler that still runs when the workflow closes is worth a warning. */
export type HandlerUnfinishedPolicy =
  (typeof HandlerUnfinishedPolicy)[keyof typeof HandlerUnfinishedPolicy]
