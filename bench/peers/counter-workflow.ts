import { condition, defineQuery, defineSignal, setHandler } from '@temporalio/workflow'

const add = defineSignal<[amount: number]>('add')
const finish = defineSignal('finish')
const total = defineQuery<number>('total')

/** The workflow of signalbox's benchmarks, for the SDK: a handler, a query, and a condition each turn tries. */
export async function counter(): Promise<number> {
  let sum = 0
  let finished = false
  setHandler(add, (amount) => {
    sum += amount
  })
  setHandler(finish, () => {
    finished = true
  })
  setHandler(total, () => sum)
  await condition(() => finished)
  return sum
}
