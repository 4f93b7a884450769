/** The commands that history's events were matched with: later events name those, and inputs the commands' numbers. */
export class RecordedLinks {
  readonly activities = new Map<number, { seq: number; activityType: string; activityId: string }>()
  readonly timers = new Map<number, number>()
  readonly children = new Map<number, number>()
  readonly signals = new Map<number, number>()
  readonly cancels = new Map<number, { seq: number; target: 'external' | 'child' }>()
}
