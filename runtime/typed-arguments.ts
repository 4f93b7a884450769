/*
 * Types of calls that hand on arguments to a signal, an update or a query. What the definition says counts, and
 * the values are held against it: `NoInfer` keeps the values from having a say. Those of a workflow are
 * `WithWorkflowArgs`.
 */

/** Options with the arguments of an update or a query, which may be left out if it needs none. */
export type WithArgs<Args extends unknown[], Options> = Options &
  (Args extends [unknown, ...unknown[]]
    ? { readonly args: NoInfer<Readonly<Args>> }
    : { readonly args?: NoInfer<Readonly<Args>> })

/** The same as the last parameter of a call, which may be left out too if no argument is needed. */
export type OptionsWithArgs<Args extends unknown[], Options> = Args extends [unknown, ...unknown[]]
  ? [options: WithArgs<Args, Options>]
  : [options?: WithArgs<Args, Options>]

/** Options with the arguments of the signal of a start. */
export type WithSignalArgs<Args extends unknown[], Options> = Options &
  (Args extends [unknown, ...unknown[]]
    ? { readonly signalArgs: NoInfer<Readonly<Args>> }
    : { readonly signalArgs?: NoInfer<Readonly<Args>> })

/** Arguments whatever they are of: what all of these types are to the call itself. */
export interface GivenArguments {
  readonly args?: readonly unknown[]
}

export interface GivenSignalArguments {
  readonly signalArgs?: readonly unknown[]
}
