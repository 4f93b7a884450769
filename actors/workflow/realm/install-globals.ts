import { DeterminismViolationError } from '../../failures.ts'
import { assertInWorkflowContext, maybeActivator } from '../current-run.ts'
import { logFor } from '../log.ts'
import { uuid4 } from '../uuid4.ts'
import { clearWorkflowTimeout, setWorkflowTimeout } from '../waiting.ts'
import type { LogLevel } from '../../turns.ts'
import {
  WorkflowAbortController,
  WorkflowAbortSignal,
  WorkflowDOMException,
  WorkflowEvent,
  WorkflowEventTarget,
} from './abort-controller.ts'
import { workflowStructuredClone } from './structured-clone.ts'
import { WorkflowTextDecoder, WorkflowTextEncoder } from './text-codec.ts'
import { WorkflowURL, WorkflowURLSearchParams } from './url.ts'
import { installDefaultLocale, installWorkflowDate } from './workflow-date.ts'

/** Give a bare context the globals that workflow code may use, and take away what replay cannot repeat. */
export function installGlobals(): void {
  installWorkflowDate()
  installDefaultLocale()
  const random = (): number => {
    const activator = maybeActivator()
    return activator ? activator.random.next() : 0
  }
  define(Math, 'random', random)
  for (const name of ['WeakRef', 'FinalizationRegistry']) {
    define(globalThis, name, refuse(name, 'the garbage collector is not deterministic', named))
  }
  const inActivity = 'call it from an activity'
  for (const name of ['fetch', 'setImmediate']) {
    define(globalThis, name, refuse(name, inActivity, named))
  }
  define(globalThis, 'setInterval', refuse('setInterval', 'use sleep in a loop', named))
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'Temporal', 'gc', 'escape']) {
    Reflect.deleteProperty(globalThis, name)
  }
  // `RegExp.$1` and its kin hold what any run matched last.
  for (const name of Object.getOwnPropertyNames(RegExp)) {
    if (!['length', 'name', 'prototype', 'escape'].includes(name)) {
      Reflect.deleteProperty(RegExp, name)
    }
  }
  const globals: Record<string, unknown> = {
    setTimeout: setWorkflowTimeout,
    clearTimeout: clearWorkflowTimeout,
    queueMicrotask: workflowQueueMicrotask,
    structuredClone: workflowStructuredClone,
    URL: WorkflowURL,
    URLSearchParams: WorkflowURLSearchParams,
    TextEncoder: WorkflowTextEncoder,
    TextDecoder: WorkflowTextDecoder,
    AbortController: WorkflowAbortController,
    AbortSignal: WorkflowAbortSignal,
    Event: WorkflowEvent,
    EventTarget: WorkflowEventTarget,
    DOMException: WorkflowDOMException,
    console: makeConsole(),
    crypto: { randomUUID: uuid4, getRandomValues: workflowRandomValues },
  }
  for (const [name, value] of Object.entries(globals)) {
    if (typeof value === 'function') {
      const publicName = value.name.replace(/^[wW]orkflow(?=[A-Z])/, '')
      if (publicName !== value.name) {
        Object.defineProperty(value, 'name', { value: name, configurable: true })
      }
    }
    define(globalThis, name, value)
  }
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  })
}

const named = 'cannot be used in workflows'

function refuse(name: string, advice: string, text: string): () => never {
  const refused = function (): never {
    throw new DeterminismViolationError(`${name} ${text}: ${advice}`)
  }
  Object.defineProperty(refused, 'name', { value: name })
  return refused
}

function workflowQueueMicrotask(callback: () => void): void {
  if (typeof callback !== 'function') {
    throw new TypeError('The "callback" argument must be of type function')
  }
  // Its error fails the turn as a floating rejection.
  void Promise.resolve().then(() => callback())
}

function workflowRandomValues<T extends ArrayBufferView>(view: T): T {
  const { random } = assertInWorkflowContext()
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random.next() * 256)
  return view
}

/** A console that logs as the workflow, and like `log` is silent while turns are done again. */
function makeConsole(): Record<string, (...args: unknown[]) => void> {
  const to =
    (level: LogLevel) =>
    (...args: unknown[]): void => {
      const activator = maybeActivator()
      if (activator) logFor(activator, level, formatLine(args))
    }
  return {
    log: to('INFO'),
    info: to('INFO'),
    warn: to('WARN'),
    error: to('ERROR'),
    debug: to('DEBUG'),
    trace: to('TRACE'),
  }
}

function formatLine(args: readonly unknown[]): string {
  const rest = [...args]
  let text = ''
  if (typeof rest[0] === 'string') {
    const format = rest.shift() as string
    text = format.replaceAll(/%[sdifjoOc%]/g, (directive) => {
      if (directive === '%%') return '%'
      if (rest.length === 0) return directive
      const value = rest.shift()
      if (directive === '%c') return ''
      if (directive === '%s') return show(value)
      if (directive === '%d') return String(Number(value))
      if (directive === '%i') return String(Number.parseInt(show(value), 10))
      return directive === '%f' ? String(Number.parseFloat(show(value))) : show(value)
    })
  }
  return [
    ...(args.length > 0 && typeof args[0] === 'string' ? [text] : []),
    ...rest.map(show),
  ].join(' ')
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return value.stack ?? String(value)
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
