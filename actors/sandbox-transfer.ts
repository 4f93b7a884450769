/** Makes empty objects of a context's realm, to be filled with primitives. */
export interface RealmObjects {
  makeArray(): unknown[]
  makeObject(): Record<string, unknown>
  makeBytes(length: number): Uint8Array
}

/** A copy of plain data made of the context's own objects: nothing of the host's realm goes along. */
export function copyIn<T>(realm: RealmObjects, value: readonly T[]): T[] {
  const copy = realm.makeArray()
  for (let i = 0; i < value.length; i++) copy[i] = copyValueIn(realm, value[i])
  return copy as T[]
}

function copyValueIn(realm: RealmObjects, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`A ${typeof value} cannot enter a workflow's context`)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return copyIn(realm, value)
  if (value instanceof Uint8Array) {
    const bytes = realm.makeBytes(value.length)
    bytes.set(value)
    return bytes
  }
  const copy = realm.makeObject()
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) define(copy, key, copyValueIn(realm, field))
  }
  return copy
}

/** A copy of plain data of a context made of the host's objects. */
export function copyOut(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`A ${typeof value} cannot leave a workflow's context`)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const copy: unknown[] = []
    for (let i = 0; i < value.length; i++) copy.push(copyOut(value[i]))
    return copy
  }
  // Not `instanceof`: it has the class of its own realm.
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice()
  }
  const copy: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) define(copy, key, copyOut(field))
  }
  return copy
}

/** Plain assignment would take `__proto__` for the prototype. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  } else target[key] = value
}
