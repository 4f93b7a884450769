/** What the command line exits with; docs/cli.md has the same table. */
export const exitCodes = {
  /** The command line is wrong, or the server refused the request. */
  failed: 1,
  /** The server cannot be reached, or asks to try again later. */
  unavailable: 2,
  /** The workflow that was waited for has closed without completing, or the update failed. */
  workflowFailed: 3,
  /** Lines of an input file were refused. */
  linesRefused: 4,
  /** The data folder is damaged. */
  dataDamaged: 5,
  /** `data verify --replay` has found open runs that the code does not fit. */
  replayMismatch: 6,
} as const

/** An error that is told in one line, without a stack, and the exit code that goes with it. */
export class CliError extends Error {
  override name = 'CliError'
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message)
    this.exitCode = exitCode
  }
}
