import vm from 'node:vm'

type Run = (
  this: vm.Script,
  context: vm.Context,
  timeout: number,
  displayErrors: boolean,
  breakOnSigint: boolean,
  breakOnFirstLine: boolean,
) => unknown

/**
 * A script made into a call: it runs in `context`, and the context's own microtasks drain before it
 * returns.
 *
 * `vm.Script.runInContext` checks its options with every call, a third of what entering a context
 * costs, and a workflow enters it twice a turn. So the method that it passes them on to is called
 * instead, with the defaults that it would pass. That method is not documented: it is used only where it
 * is found to do the same (Node 20, 22 and 24 have it), and the public one elsewhere.
 */
export function scriptCall(script: vm.Script, context: vm.Context): () => void {
  const run = directRun()
  if (run === undefined) return () => void script.runInContext(context)
  return () => void run.call(script, context, -1, true, false, false)
}

let found: { readonly run: Run | undefined } | undefined

function directRun(): Run | undefined {
  found ??= { run: probe() }
  return found.run
}

/** The method, if a script that it runs gives its value and drains the microtasks of its context. */
function probe(): Run | undefined {
  const run: unknown = Reflect.get(Object.getPrototypeOf(vm.Script.prototype), 'runInContext')
  if (typeof run !== 'function') return undefined
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' })
  const script = new vm.Script('drained = 0; Promise.resolve().then(() => { drained = 1 }); 7')
  try {
    const value = (run as Run).call(script, context, -1, true, false, false)
    return value === 7 && context['drained'] === 1 ? (run as Run) : undefined
  } catch {
    // Another version of Node, with another signature.
    return undefined
  }
}
