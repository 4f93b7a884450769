/** The ways into a context; the host writes one of them before it enters. */
export const Entry = {
  activate: 1,
  signal: 2,
  settle: 3,
  resolveLocally: 4,
  query: 5,
  describeError: 6,
  load: 7,
  conclude: 11,
  dispose: 16,
} as const
export type Entry = (typeof Entry)[keyof typeof Entry]
