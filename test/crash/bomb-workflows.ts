import { condition, defineQuery, defineSignal, setHandler } from 'signalbox/workflow'

export const add = defineSignal<[number]>('add')
export const total = defineQuery<number>('total')
export const explode = defineSignal('explode')

export async function counter(): Promise<void> {
  let sum = 0
  setHandler(add, (amount) => {
    sum += amount
  })
  setHandler(total, () => sum)
  await condition(() => false)
}

export async function bomber(): Promise<void> {
  let exploded = false
  setHandler(explode, () => {
    // One allocation past the heap's limit: V8 ends the process for it, not the worker.
    exploded = Array.from({ length: 2 ** 27 }).fill(0.5).length > 0
  })
  await condition(() => exploded)
}
