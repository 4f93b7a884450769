import { SignalboxError } from '../runtime/errors.ts'
import { unknownOption } from '../runtime/nearest-name.ts'
import type { ServerOptions } from './create-server.ts'

/** Each name once, so that the compiler misses one that is not here. */
const names: Readonly<Record<keyof ServerOptions, true>> = {
  runtime: true,
  token: true,
  tokens: true,
  authenticate: true,
  allowUnauthenticated: true,
  allowedHosts: true,
  prefix: true,
  backupDir: true,
  limits: true,
  namespaces: true,
  tls: true,
  isDraining: true,
  metrics: true,
  logger: true,
}

/**
 * Check that a server's options are those that there are.
 *
 * Guarantee: who meant to ask for a token has a server that does. An environment variable that is not set, or
 * a name with a typing error, would leave the API open without a word.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION naming the option
 */
export function checkServerOptions(options: ServerOptions): void {
  const { runtime, token, tokens } = options as Partial<ServerOptions>
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(names, name)) throw invalid(name, unknownOption(name, Object.keys(names)))
  }
  if (runtime === undefined) throw invalid('runtime', 'must be what Runtime.open gave')
  if ('token' in options && (typeof token !== 'string' || token === '')) {
    throw invalid('token', 'is there without a token: give one, or leave the option out')
  }
  if (tokens?.length === 0) {
    throw invalid('tokens', 'has no tokens: give some, or leave the option out')
  }
}

function invalid(option: string, problem: string): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `option ${option} ${problem}`, {
    fields: { option },
  })
}
