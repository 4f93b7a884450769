import { BlockList, isIP } from 'node:net'
import { SignalboxError } from '../runtime/errors.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** True for addresses that only this machine can reach. Names other than localhost are not. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Refuse to be reachable from other machines by everybody. `isGuarded`: requests need a token or a
 * client's certificate.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION
 */
export function checkExposure(host: string, isGuarded: boolean): void {
  if (isGuarded || isLoopback(host)) return
  throw new SignalboxError(
    'SIGNALBOX_ERR_INVALID_OPTION',
    `${host} can be reached from other machines: set a token with --token or SIGNALBOX_TOKEN, ` +
      'or tokens, authenticate or tls.requestClientCert in the configuration file, or listen on 127.0.0.1',
    { fields: { option: 'host' } },
  )
}

/**
 * The Host names that requests to a loopback address have. Without a token they are the guard
 * against web pages that resolve a name of their own to this machine.
 */
export function loopbackHosts(host: string): readonly string[] {
  return [...new Set(['localhost', '127.0.0.1', '[::1]', urlHost(host).toLowerCase()])]
}

/** An address as it stands in a URL. */
export function urlHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}
