/** What the interceptors of a run have seen, in order. */
export const calls: string[] = []
