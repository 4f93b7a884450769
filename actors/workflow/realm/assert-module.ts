interface AssertionDetails {
  readonly message?: string | undefined
  readonly actual?: unknown
  readonly expected?: unknown
  readonly operator?: string
}

/** What Node's `assert` throws. */
class AssertionError extends Error {
  override readonly name = 'AssertionError'
  readonly code = 'ERR_ASSERTION'
  readonly actual: unknown
  readonly expected: unknown
  readonly operator: string | undefined
  readonly generatedMessage: boolean

  constructor({ message, actual, expected, operator }: AssertionDetails) {
    super(message ?? `Expected values to satisfy ${operator ?? 'the assertion'}`)
    this.generatedMessage = message === undefined
    this.actual = actual
    this.expected = expected
    this.operator = operator
  }
}

type Message = string | Error | undefined

function check(
  holds: boolean,
  message: Message,
  operator: string,
  actual?: unknown,
  expected?: unknown,
): void {
  if (holds) return
  if (message instanceof Error) throw message
  throw new AssertionError({ message, actual, expected, operator })
}

function ok(value: unknown, message?: Message): void {
  check(Boolean(value), message, '==', value, true)
}

function threw(body: () => unknown): { readonly error: unknown } | undefined {
  try {
    body()
    return undefined
  } catch (error) {
    return { error }
  }
}

function sameValues(a: unknown, b: unknown, strict: boolean): boolean {
  // oxlint-disable-next-line eslint/eqeqeq -- what the loose forms are for
  if (strict ? Object.is(a, b) : a == b || Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (a instanceof Map || b instanceof Map) {
    if (!(a instanceof Map && b instanceof Map)) return false
    return sameValues([...a], [...b], strict)
  }
  if (a instanceof Set || b instanceof Set) {
    if (!(a instanceof Set && b instanceof Set)) return false
    return sameValues([...a], [...b], strict)
  }
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) &&
        sameValues(
          (a as Record<string, unknown>)[name],
          (b as Record<string, unknown>)[name],
          strict,
        ),
    )
  )
}

const methods = {
  ok,
  fail: (message?: Message) => check(false, message ?? 'Failed', 'fail'),
  equal: (a: unknown, b: unknown, message?: Message) =>
    // oxlint-disable-next-line eslint/eqeqeq -- as Node's
    check(a == b || Object.is(a, b), message, '==', a, b),
  notEqual: (a: unknown, b: unknown, message?: Message) =>
    // oxlint-disable-next-line eslint/eqeqeq -- as Node's
    check(!(a == b || Object.is(a, b)), message, '!=', a, b),
  strictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(Object.is(a, b), message, 'strictEqual', a, b),
  notStrictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(!Object.is(a, b), message, 'notStrictEqual', a, b),
  deepEqual: (a: unknown, b: unknown, message?: Message) =>
    check(sameValues(a, b, false), message, 'deepEqual', a, b),
  notDeepEqual: (a: unknown, b: unknown, message?: Message) =>
    check(!sameValues(a, b, false), message, 'notDeepEqual', a, b),
  deepStrictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(sameValues(a, b, true), message, 'deepStrictEqual', a, b),
  notDeepStrictEqual: (a: unknown, b: unknown, message?: Message) =>
    check(!sameValues(a, b, true), message, 'notDeepStrictEqual', a, b),
  match: (text: string, pattern: RegExp, message?: Message) =>
    check(pattern.test(text), message, 'match', text, pattern),
  doesNotMatch: (text: string, pattern: RegExp, message?: Message) =>
    check(!pattern.test(text), message, 'doesNotMatch', text, pattern),
  throws: (body: () => unknown, message?: Message) =>
    check(threw(body) !== undefined, message ?? 'Missing expected exception.', 'throws'),
  doesNotThrow: (body: () => unknown, message?: Message) => {
    const thrown = threw(body)
    check(thrown === undefined, message ?? 'Got unwanted exception.', 'doesNotThrow', thrown?.error)
  },
  rejects: async (given: Promise<unknown> | (() => Promise<unknown>), message?: Message) => {
    const rejected = await settle(given)
    check(rejected !== undefined, message ?? 'Missing expected rejection.', 'rejects')
  },
  doesNotReject: async (given: Promise<unknown> | (() => Promise<unknown>), message?: Message) => {
    const rejected = await settle(given)
    check(rejected === undefined, message ?? 'Got unwanted rejection.', 'doesNotReject')
  },
  AssertionError,
}

async function settle(
  given: Promise<unknown> | (() => Promise<unknown>),
): Promise<{ readonly error: unknown } | undefined> {
  try {
    await (typeof given === 'function' ? given() : given)
    return undefined
  } catch (error) {
    return { error }
  }
}

function assert(value: unknown, message?: Message): void {
  ok(value, message)
}

const strict = Object.assign((value: unknown, message?: Message) => ok(value, message), {
  ...methods,
  equal: methods.strictEqual,
  notEqual: methods.notStrictEqual,
  deepEqual: methods.deepStrictEqual,
  notDeepEqual: methods.notDeepStrictEqual,
})

/** What workflows import as `assert`: the checks of Node's module, with plainer messages. */
export const assertModule = Object.assign(assert, methods, { strict })
