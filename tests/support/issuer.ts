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
  /** By the clock that reads the token, in milliseconds since 1970. */
  readonly now: number
  readonly lifeMs?: number
  readonly header?: Readonly<Record<string, unknown>>
  /** Signed with the keys of another issuer. */
  readonly by?: OutsideIssuer
}

/** An issuer of tokens as a cluster or a company has one: a key pair, and its public half at an address. */
export class OutsideIssuer implements AsyncDisposable {
  readonly algorithm: string
  readonly #server: Server
  #pair: Pair
  /** How often its keys were fetched. */
  fetches = 0
  /** What its address answers: its keys, or a status and where to. */
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

  /** From now on it signs with another key, and publishes that alone. */
  async rotate(): Promise<void> {
    this.#pair = await pairOf(this.algorithm)
  }

  /** What MCP_ISSUERS_FILE says of it, with what a test wants otherwise. */
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
