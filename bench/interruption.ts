/** What a shell takes for the exit code of a program that a signal has ended. */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/**
 * The first SIGINT, SIGTERM or SIGHUP, as an abort signal; the exit code is set. Further ones change nothing:
 * `signalbox bench` passes on what the terminal sends to both, and what is left to do takes seconds.
 */
export function interruption(onSignal: () => void): AbortSignal {
  const controller = new AbortController()
  for (const [signal, exitCode] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      if (controller.signal.aborted) return
      process.exitCode = exitCode
      onSignal()
      controller.abort()
    })
  }
  return controller.signal
}
