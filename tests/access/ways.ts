import { Agent, request } from 'node:http'
import { procedures } from '@tony/mcp-server/api/pipeline'
import type { Role } from '@tony/mcp-shared/roles'
import { expected } from './expected.ts'

interface Body {
  readonly error?: { readonly data: Readonly<Record<string, unknown>> }
  readonly result?: { readonly data?: unknown }
}

/**
 * No procedure accepts this input, so a caller with the permission changes nothing. A caller
 * without it is refused before the input is parsed.
 */
export const unusable = { nothing: 1 }

/** True if a query for several objects has found none: the list in its reply is empty. */
function isNothing(data: unknown): boolean {
  const lists = typeof data === 'object' && data !== null ? Object.values(data).filter(Array.isArray) : []
  return lists.length > 0 && lists.every((list) => list.length === 0)
}

export function outcomeOf(path: string, { error, result }: Body): string {
  if (error) return String(error.data['code'])
  return /list$/.test(path) && isNothing(result?.data) ? 'nothing' : 'OK'
}

/** True if the table that is written by hand lets the role call the procedure. */
export function isLetIn(path: string, role: Role): boolean {
  const who = expected[path]
  if (who === undefined) throw new Error(`${path} is not in the table of who may call what`)
  return who === 'anyone' || who.includes(role)
}

/**
 * Makes calls over HTTP on connections that stay open. Each has an address of its own, because
 * wrong guesses lock an address out.
 */
export class Caller implements Disposable {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })
  calls = 0

  constructor(url: string) {
    this.#url = url
  }

  headers(authorization: string | undefined): Record<string, string> {
    this.calls += 1
    return {
      'content-type': 'application/json',
      'x-forwarded-for': `198.${(this.calls >> 16) & 255}.${(this.calls >> 8) & 255}.${this.calls & 255}`,
      ...(authorization === undefined ? {} : { authorization }),
    }
  }

  /** Returns the text of the reply. */
  text(path: string, authorization: string | undefined, input: unknown): Promise<string> {
    const text = JSON.stringify(input) ?? 'null'
    return procedures.get(path)?.kind === 'mutation'
      ? this.#send('POST', `/trpc/${path}`, authorization, text)
      : this.#send('GET', `/trpc/${path}?input=${encodeURIComponent(text)}`, authorization)
  }

  async one(path: string, authorization: string | undefined, input: unknown): Promise<string> {
    const reply = await this.text(path, authorization, input)
    const [, sent] = /serialized-error\ndata: (.*)/.exec(reply) ?? []
    const body: Body = sent === undefined ? JSON.parse(reply) : { error: JSON.parse(sent) }
    return outcomeOf(path, body)
  }

  /** Makes several calls of one kind in one HTTP request. */
  async batch(
    calls: readonly { readonly path: string; readonly input: unknown }[],
    authorization: string | undefined,
  ): Promise<string[]> {
    const text = JSON.stringify(Object.fromEntries(calls.map(({ input }, index) => [index, input])))
    const address = `/trpc/${calls.map(({ path }) => path).join()}?batch=1`
    const isMutation = procedures.get(calls[0]?.path ?? '')?.kind === 'mutation'
    const reply = isMutation
      ? await this.#send('POST', address, authorization, text)
      : await this.#send('GET', `${address}&input=${encodeURIComponent(text)}`, authorization)
    this.calls += calls.length - 1
    const bodies: Body[] = JSON.parse(reply)
    return calls.map(({ path }, index) => outcomeOf(path, bodies[index] ?? {}))
  }

  #send(method: string, path: string, authorization: string | undefined, body?: string): Promise<string> {
    const headers = this.headers(authorization)
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks).toString()))
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}
