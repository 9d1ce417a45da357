import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { WebhookError } from '@tony/mcp-shared/webhooks'
import { AddressPolicy, AddressRefusedError } from './address-policy.ts'

/** Time for one delivery, from the name to the end of the reply, in milliseconds. */
export const deliveryTimeoutMs = 10_000

/** Bytes of a reply that are read; only a challenge has a use for them. */
const maxReplyBytes = 16_384

/** Open connections to one endpoint, and the ones kept for the next delivery. */
const agentOptions = { keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 30_000 }

export type PostOutcome =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false
      readonly error: WebhookError
      /** Absent if no reply came. */
      readonly status?: number
    }

export interface PostParams {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Collects the start of a reply. A longer one is cut off. */
async function readReplyStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    chunks.push(bytes)
    if (size > maxReplyBytes) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, maxReplyBytes)
}

/** Returns the error of a status that is no success. A redirect is never followed. */
function errorOfStatus(status: number): WebhookError {
  if (status >= 500) return 'http_5xx'
  return status >= 400 ? 'http_4xx' : 'redirected'
}

const codeOfError = (error: Error): string => ('code' in error ? String(error.code) : '')

/** Classifies a failure without a reply. Details of the network stay in the server. */
function errorOfFailure(error: Error): WebhookError {
  const code = codeOfError(error)
  if (error instanceof AddressRefusedError) return 'address_refused'
  if (error.name === 'TimeoutError' || error.name === 'AbortError' || code === 'ETIMEDOUT') return 'timeout'
  if (/^(ENOTFOUND|EAI_)/.test(code)) return 'name_not_resolved'
  if (/CERT|^ERR_(TLS|SSL)|^EPROTO|UNABLE_TO/.test(code)) return 'tls_error'
  return 'connection_refused'
}

/** Sends the requests of webhooks: to allowed addresses only, bounded in time and bytes. */
export class WebhookPoster {
  readonly #guard: AddressPolicy
  readonly #http = new HttpAgent(agentOptions)
  readonly #https = new HttpsAgent(agentOptions)

  constructor(cidrs: readonly string[]) {
    this.#guard = new AddressPolicy(cidrs)
  }

  /** Never throws for a fault of the endpoint. Throws the reason of `signal` if it aborts. */
  async post({ url: text, headers, body }: PostParams, signal: AbortSignal): Promise<PostOutcome> {
    const url = new URL(text)
    const bytes = Buffer.from(body)
    const options: RequestOptions = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers },
      lookup: this.#guard.resolver(url.protocol === 'https:'),
      signal: AbortSignal.any([signal, AbortSignal.timeout(deliveryTimeoutMs)]),
    }
    try {
      this.#guard.requireAllowedHost(url)
      const response = await this.#send(url, options, bytes)
      const status = response.statusCode ?? 0
      const reply = await readReplyStart(response)
      return status >= 200 && status < 300
        ? { ok: true, text: reply }
        : { ok: false, error: errorOfStatus(status), status }
    } catch (error) {
      signal.throwIfAborted()
      return { ok: false, error: errorOfFailure(error instanceof Error ? error : new Error(String(error))) }
    }
  }

  #send(url: URL, options: RequestOptions, bytes: Buffer): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, agent: this.#https })
        : httpRequest(url, { ...options, agent: this.#http })
    request.once('response', resolve).once('error', reject).end(bytes)
    return promise
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}
