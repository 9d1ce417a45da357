import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import { type Config, ConfigError } from '../../config.ts'
import type { Parts } from '../../domain/context.ts'
import type { Log } from '../../platform/log.ts'

/** How often the files are looked at. */
const everyMs = 5_000

interface Pair {
  readonly cert: string
  readonly key: string
}

/** Throws when one cannot be read, or they are not a certificate and its key. */
function readPair({ certFile, keyFile }: NonNullable<Config['tls']>): Pair {
  const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  createSecureContext(pair)
  return pair
}

/** The certificate to start with; undefined without TLS. Throws ConfigError. */
export function certificateOf({ tls }: Config): Pair | undefined {
  if (!tls) return undefined
  try {
    return readPair(tls)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`TLS_CERT_FILE, TLS_KEY_FILE: not a certificate and its key: ${why}`, { cause })
  }
}

/**
 * Looks for a new certificate in the files, and gives it to the server: connections that are open keep theirs. One that
 * cannot be used, as when only one of the two files is new yet, is told once, and the one before goes on. Returns the way to
 * look at once.
 */
export function watchCertificate({ config, clock }: Parts, server: Server, log: Log, started: Pair): () => void {
  const { tls } = config
  let looked = JSON.stringify([started.cert, started.key])
  const look = () => {
    if (!tls || !(server instanceof SecureServer)) return
    let found = ''
    try {
      found = JSON.stringify([readFileSync(tls.certFile, 'utf8'), readFileSync(tls.keyFile, 'utf8')])
      if (found === looked) return
      server.setSecureContext(readPair(tls))
      log.info({ file: tls.certFile }, 'new certificate')
    } catch (error) {
      if (found !== looked) log.error({ error, file: tls.certFile }, 'the new certificate cannot be used')
    }
    looked = found
  }
  const goOn = () => {
    look()
    clock.timer(everyMs, goOn)
  }
  clock.timer(everyMs, goOn)
  return look
}
