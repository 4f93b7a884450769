/** The name of a definition or a function; empty, which requests are refused with, where there is none. */
export function nameOf(named: { readonly name: string } | string | null | undefined): string {
  return typeof named === 'string' ? named : (named?.name ?? '')
}
