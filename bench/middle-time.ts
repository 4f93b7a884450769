import { median } from './median.ts'

/** Do something `count` times, one after the other. @returns how long the middle one took, in milliseconds */
export async function middleTime(
  count: number,
  operation: () => Promise<unknown>,
): Promise<number> {
  const took: number[] = []
  for (let n = 0; n < count; n += 1) {
    const began = performance.now()
    await operation()
    took.push(performance.now() - began)
  }
  return median(took)
}
