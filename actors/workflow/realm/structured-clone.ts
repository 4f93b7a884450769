import { WorkflowDOMException } from './abort-controller.ts'

const errorTypes: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

type View = ArrayBufferView & { readonly length?: number }
type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length?: number) => View

/** `structuredClone` within the context's own realm. Cycles and shared references are kept. */
export function workflowStructuredClone(value: unknown): unknown {
  return clone(value, new Map())
}

function clone(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new WorkflowDOMException(`${String(value)} could not be cloned.`, 'DataCloneError')
  }
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return seen.get(value)
  const keep = <T>(copy: T): T => {
    seen.set(value, copy)
    return copy
  }
  if (value instanceof Date) return keep(new Date(value.getTime()))
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags))
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return keep(Object(value.valueOf()))
  }
  if (value instanceof ArrayBuffer) return keep(value.slice(0))
  if (ArrayBuffer.isView(value)) {
    const view: View = value
    const buffer = clone(view.buffer, seen) as ArrayBuffer
    const View = view.constructor as ViewConstructor
    return keep(new View(buffer, view.byteOffset, view.length ?? view.byteLength))
  }
  if (value instanceof Map) {
    const copy = keep(new Map())
    for (const [key, entry] of value) copy.set(clone(key, seen), clone(entry, seen))
    return copy
  }
  if (value instanceof Set) {
    const copy = keep(new Set())
    for (const entry of value) copy.add(clone(entry, seen))
    return copy
  }
  if (value instanceof Error) return cloneError(value, seen)
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) {
    throw new WorkflowDOMException(
      `${Object.prototype.toString.call(value)} could not be cloned.`,
      'DataCloneError',
    )
  }
  const copy = keep<Record<string, unknown>>(
    (Array.isArray(value) ? Array.from({ length: value.length }) : {}) as Record<string, unknown>,
  )
  for (const [key, entry] of Object.entries(value)) {
    Object.defineProperty(copy, key, {
      value: clone(entry, seen),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return copy
}

function cloneError(error: Error, seen: Map<object, unknown>): Error {
  const Type = errorTypes[error.name] ?? Error
  const copy = new Type(error.message)
  seen.set(error, copy)
  const { stack } = error
  if (stack !== undefined)
    Object.defineProperty(copy, 'stack', { value: stack, configurable: true })
  if (error.cause !== undefined) {
    Object.defineProperty(copy, 'cause', {
      value: clone(error.cause, seen),
      writable: true,
      configurable: true,
    })
  }
  return copy
}
