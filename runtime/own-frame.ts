/** Places in Node and in packages: a user looks for the mistake elsewhere first. */
const foreign = /(?:^|\()node:|[\\/]node_modules[\\/]/
const frame = /^\s+at (?:async )?(.*:\d+:\d+\)?)$/

/**
 * The first place of a stack in code of the user's own, as `function (file:line:column)`; one in a
 * package if there is none. Undefined for a stack without places.
 */
export function ownFrame(stack: string | undefined): string | undefined {
  const frames = (stack ?? '').split('\n').flatMap((line) => frame.exec(line)?.[1] ?? [])
  return frames.find((place) => !foreign.test(place)) ?? frames[0]
}
