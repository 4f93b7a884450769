/**
 * Freeze everything that can be reached from `roots`, so that no run can change what another sees.
 *
 * A frozen property on a prototype also forbids to assign a property of that name to an object that
 * inherits it (the override mistake): `this.name = …` in a subclass of Error would throw. So such
 * properties become accessors whose setter defines the property on the object itself.
 */
export function harden(roots: readonly unknown[]): void {
  const seen = new Set<object>()
  const queue: object[] = []
  const visit = (value: unknown): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
    if (seen.has(value)) return
    seen.add(value)
    queue.push(value)
  }
  for (const root of roots) visit(root)
  for (const value of queue) {
    visit(Object.getPrototypeOf(value))
    for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(value))) {
      visit(descriptor.value)
      visit(descriptor.get)
      visit(descriptor.set)
    }
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      visit(Object.getOwnPropertyDescriptor(value, symbol)?.value)
    }
  }
  for (const value of queue) if (isPrototype(value)) allowOverrides(value)
  for (const value of queue) {
    // Typed arrays with elements cannot be frozen.
    if (ArrayBuffer.isView(value)) continue
    if (value === Error) Object.preventExtensions(freezeAllBut(value, 'stackTraceLimit'))
    else Object.freeze(value)
  }
}

/** An object that others inherit from: a class's prototype, or one that classes' prototypes inherit. */
function isPrototype(value: object): boolean {
  if (!Object.hasOwn(value, 'constructor')) return false
  const { constructor } = value as { constructor?: unknown }
  return typeof constructor === 'function'
}

// V8 compiles these fast while they are plain data properties, for every await and every spread of
// the context. As accessors they would make both several times slower.
const keptAsData: ReadonlyMap<object, readonly PropertyKey[]> = new Map<
  object,
  readonly PropertyKey[]
>([
  [Promise.prototype, ['then', 'constructor']],
  [Array.prototype, ['constructor', Symbol.iterator]],
  [RegExp.prototype, ['constructor', 'exec']],
])

function allowOverrides(prototype: object): void {
  const kept = keptAsData.get(prototype) ?? []
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key)
    if (!descriptor?.configurable || !('value' in descriptor) || kept.includes(key)) continue
    if (typeof key === 'symbol' && key !== Symbol.toStringTag) continue
    const { value, enumerable = false } = descriptor as { value: unknown; enumerable?: boolean }
    const get = (): unknown => value
    const set = function (this: object, assigned: unknown): void {
      if (this === prototype) {
        throw new TypeError(`Cannot assign to read only property '${String(key)}' of object`)
      }
      if (Object.hasOwn(this, key)) {
        ;(this as Record<PropertyKey, unknown>)[key] = assigned
        return
      }
      Object.defineProperty(this, key, {
        value: assigned,
        writable: true,
        enumerable: true,
        configurable: true,
      })
    }
    Object.defineProperty(prototype, key, { get, set, enumerable, configurable: false })
    Object.freeze(get)
    Object.freeze(set)
  }
}

/**
 * Libraries set `Error.stackTraceLimit` while they load, and a setter there would make V8 stop taking
 * stacks. So it stays writable, and each turn begins with the same limit.
 */
function freezeAllBut(value: object, name: string): object {
  for (const key of Reflect.ownKeys(value)) {
    if (key === name) continue
    const descriptor = Object.getOwnPropertyDescriptor(value, key)
    if (!descriptor?.configurable) continue
    Object.defineProperty(value, key, {
      configurable: false,
      ...('value' in descriptor ? { writable: false } : {}),
    })
  }
  return value
}

/** Intrinsics that no global names. */
export function hiddenIntrinsics(): object[] {
  const generator = function* (): Generator<undefined> {
    yield undefined
  }
  const asyncGenerator = async function* (): AsyncGenerator<undefined> {
    yield undefined
  }
  const asyncFunction = async (): Promise<void> => {}
  const iterators = [
    [][Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    ''[Symbol.iterator](),
    'a'.matchAll(/a/g),
  ]
  return [
    Object.getPrototypeOf(generator) as object,
    Object.getPrototypeOf(asyncGenerator) as object,
    Object.getPrototypeOf(asyncFunction) as object,
    ...iterators.map((iterator) => Object.getPrototypeOf(iterator) as object),
  ]
}
