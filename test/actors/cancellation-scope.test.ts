import { describe, expect, test } from 'vitest'
import { CancellationScope } from '../../actors/workflow/cancellation-scope.ts'
import { collectGarbage } from '../fixtures/collect-garbage.ts'

const childOf = (parent: CancellationScope): CancellationScope =>
  new CancellationScope({ cancellable: true, parent })

/** Something begins in the scope, and ends. */
function passThrough(scope: CancellationScope): void {
  const pending = { cancelled: () => undefined }
  scope.register(pending)
  scope.unregister(pending)
}

describe('A scope in which nothing waits', () => {
  test('is let go by its parent once nobody can reach it', async () => {
    const root = CancellationScope.root()
    const seen = Array.from({ length: 1_000 }, () => {
      const scope = childOf(root)
      passThrough(scope)
      return new WeakRef(scope)
    })
    // What a WeakRef has given or was made of lives until the end of its macrotask.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(seen.filter((ref) => ref.deref() !== undefined)).toEqual([])
    expect(root.consideredCancelled).toBe(false)
  })

  test('leaves nothing behind in its parent, however many there are', async () => {
    const root = CancellationScope.root()
    const round = async (): Promise<void> => {
      for (let n = 0; n < 1_000; n++) passThrough(childOf(root))
      await new Promise((resolve) => setImmediate(resolve))
      collectGarbage()
    }
    for (let n = 0; n < 5; n++) await round()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < 30; n++) await round()
    // A place that is not swept takes more than a hundred bytes.
    expect((process.memoryUsage().heapUsed - before) / 30_000).toBeLessThan(50)
  })

  test('keeps its place among what its parent cancels, and those of what is below it', async () => {
    const root = CancellationScope.root()
    const told: string[] = []
    const tell = (scope: CancellationScope, name: string): void =>
      scope.register({ cancelled: () => void told.push(name) })
    const first = childOf(root)
    const inner = childOf(first)
    passThrough(inner)
    tell(root, 'between')
    const second = childOf(root)
    tell(second, 'of the second scope')
    // Last to begin, but in the scope that came first.
    tell(first, 'of the first scope')
    tell(inner, 'of the inner scope')
    collectGarbage()
    root.cancel()
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual([
      'between',
      'of the first scope',
      'of the second scope',
      'of the inner scope',
    ])
    expect([first, inner, second].every((scope) => scope.consideredCancelled)).toBe(true)
  })

  test('that waits for something is held by that, whoever else has forgotten it', async () => {
    const root = CancellationScope.root()
    let told = 0
    for (let n = 0; n < 200; n++) {
      const scope = childOf(root)
      passThrough(scope)
      childOf(scope).register({ cancelled: () => void told++ })
    }
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    root.cancel()
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toBe(200)
  })
})
