import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import { type Config, ConfigError } from '../../config.ts'
import type { Services } from '../../domain/context.ts'
import type { Log } from '../../platform/log.ts'

/** Interval between two reads of the certificate files. */
const pollIntervalMs = 5_000

interface CertificatePair {
  readonly cert: string
  readonly key: string
}

/** Throws if a file cannot be read or if the two are not a certificate and its key. */
function readPair({ certFile, keyFile }: NonNullable<Config['tls']>): CertificatePair {
  const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  createSecureContext(pair)
  return pair
}

/** Returns the certificate to start with; undefined without TLS. Throws ConfigError. */
export function readCertificate({ tls }: Config): CertificatePair | undefined {
  if (!tls) return undefined
  try {
    return readPair(tls)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`TLS_CERT_FILE, TLS_KEY_FILE: not a certificate and its key: ${reason}`, { cause })
  }
}

/**
 * Reloads the certificate when its files change. Open connections keep the old one. An unusable
 * pair, as when only one of the two files is new yet, is logged once and the previous certificate
 * stays. Returns a function that reads the files at once.
 */
export function watchCertificate(
  { config, clock }: Services,
  server: Server,
  log: Log,
  initial: CertificatePair,
): () => void {
  const { tls } = config
  let lastContent = JSON.stringify([initial.cert, initial.key])
  const reload = () => {
    if (!tls || !(server instanceof SecureServer)) return
    let content = ''
    try {
      content = JSON.stringify([readFileSync(tls.certFile, 'utf8'), readFileSync(tls.keyFile, 'utf8')])
      if (content === lastContent) return
      server.setSecureContext(readPair(tls))
      log.info({ file: tls.certFile }, 'new certificate')
    } catch (error) {
      if (content !== lastContent) log.error({ error, file: tls.certFile }, 'the new certificate cannot be used')
    }
    lastContent = content
  }
  const poll = () => {
    reload()
    clock.timer(pollIntervalMs, poll)
  }
  clock.timer(pollIntervalMs, poll)
  return reload
}
