import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { type Command, Option } from 'commander'
import { CliError } from './cli-error.ts'

/** How a command reaches a server over TLS: the flags of Temporal's command line, and shorter ones. */
export interface TlsFlags {
  readonly tls?: boolean
  readonly tlsCaPath?: string
  readonly tlsCertPath?: string
  readonly tlsKeyPath?: string
  readonly tlsServerName?: string
}

export function withTls(command: Command): Command {
  return command
    .option('--tls', 'use TLS; https:// in --address does so too')
    .addOption(
      new Option(
        '--tls-ca, --tls-ca-path <file>',
        "who signs the server's certificate, in PEM (default: those that Node trusts)",
      ).env('SIGNALBOX_TLS_CA'),
    )
    .addOption(
      new Option('--tls-cert, --tls-cert-path <file>', 'your certificate, in PEM').env(
        'SIGNALBOX_TLS_CERT',
      ),
    )
    .addOption(
      new Option('--tls-key, --tls-key-path <file>', 'the key of your certificate, in PEM').env(
        'SIGNALBOX_TLS_KEY',
      ),
    )
    .addOption(
      new Option(
        '--tls-server-name <name>',
        "the name in the server's certificate, if the address has another",
      ).env('SIGNALBOX_TLS_SERVER_NAME'),
    )
}

/**
 * What Node's HTTPS takes; undefined if the flags say nothing of TLS.
 *
 * @throws CliError for a file that cannot be read, and for a certificate without its key
 */
export function tlsOf(flags: TlsFlags): ConnectionOptions | undefined {
  const ca = given(flags.tlsCaPath)
  const cert = given(flags.tlsCertPath)
  const key = given(flags.tlsKeyPath)
  const servername = given(flags.tlsServerName)
  if ((cert === undefined) !== (key === undefined)) {
    throw new CliError('--tls-cert and --tls-key go together')
  }
  const settings = {
    ...(ca === undefined ? {} : { ca: read(ca, '--tls-ca') }),
    ...(cert === undefined ? {} : { cert: read(cert, '--tls-cert') }),
    ...(key === undefined ? {} : { key: read(key, '--tls-key') }),
    ...(servername === undefined ? {} : { servername }),
  }
  return flags.tls === true || Object.keys(settings).length > 0 ? settings : undefined
}

/** An empty variable in the environment says nothing. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function read(file: string, flag: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError(`${flag} ${file} cannot be read: ${reason}`)
  }
}

/** What to do about a handshake that failed; empty for other errors. */
export function tlsAdvice(code: string): string {
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED)/.test(code)) {
    return ' Name who signed the certificate with --tls-ca or SIGNALBOX_TLS_CA.'
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return ' Give the name that is in the certificate with --tls-server-name.'
  }
  if (/ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/.test(code)) {
    return ' The server wants a certificate that it trusts: give --tls-cert and --tls-key.'
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return ' Does the server speak TLS, and a version of it that Node does?'
  }
  return ''
}
