/** A place in a file of the user's. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Where to look first: the topmost frame in the user's own code, else in a package that it uses. */
export function topmost(frames: readonly SourcePlace[]): SourcePlace | undefined {
  return frames.find(({ file }) => !/[/\\]node_modules[/\\]/.test(file)) ?? frames[0]
}
