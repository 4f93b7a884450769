let onInput: () => void = () => undefined

export function setProgressListener(listener: () => void): void {
  onInput = listener
}

/**
 * Code is about to handle one of several inputs of a turn. The host measures the time of each by itself:
 * a hundred thousand signals in one turn are not a hang.
 */
export function beginInput(): void {
  onInput()
}
