import type { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

interface Pair {
  readonly kid: string
  readonly secret: webcrypto.CryptoKey
  readonly open: JWK
}

async function pairOf(algorithm: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const open = await exportJWK(publicKey)
  return { kid: await calculateJwkThumbprint(open), secret: privateKey, open: { ...open, alg: algorithm, use: 'sig' } }
}

export interface TokenOptions {
  /** The time of the token's reader in milliseconds since 1970. */
  readonly now: number
  readonly lifeMs?: number
  readonly header?: Readonly<Record<string, unknown>>
  /** The issuer whose keys sign the token; default: this one. */
  readonly by?: OutsideIssuer
}

/**
 * An issuer of tokens such as a cluster or a company has: a key pair whose public key is at an
 * address.
 */
export class OutsideIssuer implements AsyncDisposable {
  readonly algorithm: string
  readonly #server: Server
  #pair: Pair
  /** The number of times that its keys were fetched. */
  fetches = 0
  /** The reply of its address: its keys, or a status with a redirect. */
  answers: 'keys' | number = 'keys'
  redirectsTo: string | undefined
  wants: string | undefined

  private constructor(algorithm: string, pair: Pair) {
    this.algorithm = algorithm
    this.#pair = pair
    this.#server = createServer((request, response) => {
      this.fetches += 1
      if (this.wants !== undefined && request.headers.authorization !== `Bearer ${this.wants}`)
        return void response.writeHead(401).end()
      if (this.redirectsTo !== undefined) return void response.writeHead(302, { location: this.redirectsTo }).end()
      if (this.answers !== 'keys') return void response.writeHead(this.answers).end()
      response.end(this.keys)
    })
  }

  static async start(algorithm = 'ES256'): Promise<OutsideIssuer> {
    const issuer = new OutsideIssuer(algorithm, await pairOf(algorithm))
    issuer.#server.listen(0, '127.0.0.1')
    await once(issuer.#server, 'listening')
    return issuer
  }

  get url(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || !address) throw new Error('the issuer does not listen')
    return `http://127.0.0.1:${address.port}`
  }

  get keys(): string {
    return JSON.stringify({ keys: [{ ...this.#pair.open, kid: this.#pair.kid }] })
  }

  /** Replaces the key: the issuer signs with the new one and publishes only that. */
  async rotate(): Promise<void> {
    this.#pair = await pairOf(this.algorithm)
  }

  /** Writes the file for MCP_ISSUERS_FILE, with the given changes, and returns its path. */
  trust(file: string, rules: readonly object[], besides: object = {}): string {
    const one = {
      name: 'cluster',
      issuer: this.url,
      audience: 'tony',
      algorithms: [this.algorithm],
      jwksUri: `${this.url}/keys`,
      rules,
      ...besides,
    }
    writeFileSync(file, JSON.stringify({ issuers: [one] }))
    return file
  }

  token(
    claims: Readonly<Record<string, unknown>>,
    { now, lifeMs = 3_600_000, header = {}, by = this }: TokenOptions,
  ): Promise<string> {
    const seconds = Math.floor(now / 1_000)
    const all = { iss: this.url, aud: 'tony', iat: seconds, exp: seconds + lifeMs / 1_000, ...claims }
    return new SignJWT(all)
      .setProtectedHeader({ alg: by.algorithm, kid: this.#pair.kid, ...header })
      .sign(by.#pair.secret)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}
