import type { ServerOptions } from 'node:https'
import { createSecureContext, type SecureVersion } from 'node:tls'
import { SignalboxError } from '../runtime/errors.ts'
import type { ServerLimits } from './api-limits.ts'

/** HTTPS, and mutual TLS. Read once: a renewed certificate is served after a restart. */
export interface TlsOptions {
  /** The server's certificate and those between it and the root, as PEM. */
  readonly cert: string | Buffer
  /** The certificate's private key, as PEM. */
  readonly key: string | Buffer
  /** What an encrypted key is decrypted with. */
  readonly passphrase?: string | undefined
  /** The certificates, as PEM, of who signs clients' certificates. For `requestClientCert`. */
  readonly ca?: string | Buffer | undefined
  /**
   * Mutual TLS: clients without a certificate that `ca` has signed are refused in the handshake, before
   * any request. Default false.
   */
  readonly requestClientCert?: boolean | undefined
  /** The oldest version of TLS that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
}

const defaultMinVersion: SecureVersion = 'TLSv1.2'

/**
 * What Node's HTTPS server takes.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_OPTION for a certificate or key that cannot be used, for
 *   a key that is not the certificate's, and for `requestClientCert` without `ca`: then every
 *   certificate of a public authority would do
 */
export function tlsServerOptions(tls: TlsOptions, limits: ServerLimits): ServerOptions {
  const { cert, key, passphrase, ca, requestClientCert = false } = tls
  if (requestClientCert !== (ca !== undefined)) {
    throw invalid('tls.ca', 'goes with tls.requestClientCert: true, and only with it')
  }
  const options = {
    cert,
    key,
    minVersion: tls.minVersion ?? defaultMinVersion,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(ca === undefined ? {} : { ca }),
  }
  try {
    createSecureContext(options)
  } catch (error) {
    // OpenSSL says what is wrong, and nothing of what the key is.
    const reason = error instanceof Error ? error.message : String(error)
    throw invalid('tls', `cannot be used: ${reason}. Check key, cert, ca and passphrase`, error)
  }
  return {
    ...options,
    requestCert: requestClientCert,
    rejectUnauthorized: requestClientCert,
    // Until then nothing of a request can have come, so it is the time for headers that holds.
    handshakeTimeout: limits.headersTimeoutMs,
  }
}

function invalid(option: string, problem: string, cause?: unknown): SignalboxError {
  return new SignalboxError('SIGNALBOX_ERR_INVALID_OPTION', `${option} ${problem}`, {
    fields: { option },
    ...(cause === undefined ? {} : { cause }),
  })
}
