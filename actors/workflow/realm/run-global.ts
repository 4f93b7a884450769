/** What runs' globals inherit from: each real global's value, to be overridden at will. */
let template: object = {}

/** Once, when the globals are complete and before they are frozen. */
export function prepareRunGlobals(): void {
  const shared = {}
  for (const key of Reflect.ownKeys(globalThis)) {
    if (key === 'globalThis') continue
    const value: unknown = (globalThis as Record<PropertyKey, unknown>)[key]
    Object.defineProperty(shared, key, {
      get: () => value,
      set(this: object, assigned: unknown) {
        define(this, key, assigned)
      },
    })
  }
  template = shared
}

/**
 * The `globalThis` of a run. What a run puts there is its own and seen by no other; what it does not
 * put there is the frozen global of the context.
 */
export function makeRunGlobal(): object {
  const runGlobal = Object.create(template) as object
  define(runGlobal, 'globalThis', runGlobal)
  return runGlobal
}

function define(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: key !== 'globalThis',
  })
}
