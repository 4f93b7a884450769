import { condition, defineQuery, defineSignal, setHandler } from 'signalbox/workflow'

export const add = defineSignal<[amount: number]>('add')
export const finish = defineSignal('finish')
export const total = defineQuery<number>('total')

/** The workflow of every benchmark: a handler, a query, and a condition that each turn tries. */
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
