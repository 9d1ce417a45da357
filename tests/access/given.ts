import { existsSync, readFileSync } from 'node:fs'
import type { Client } from '@tony/mcp-client'
import { TestServer, type TestServerOptions } from '../support/server.ts'

export type KeyOptions = Parameters<Client['auth']['keys']['create']>[0]
export type Registered = Awaited<ReturnType<Client['agents']['register']>>

/** A server in serve mode, which requires a credential, and the admin that controls it. */
export class Guarded implements AsyncDisposable {
  readonly server: TestServer
  readonly adminKey: string
  readonly admin: Client
  /** The bootstrap token. It was exchanged for the first key and is spent. */
  readonly bootstrap: string

  private constructor(server: TestServer, adminKey: string, bootstrap: string) {
    this.server = server
    this.bootstrap = bootstrap
    this.adminKey = adminKey
    this.admin = server.connect({ token: adminKey })
  }

  static async start(options: TestServerOptions = {}): Promise<Guarded> {
    const config = { accessTokenMs: 600_000, ...options.config }
    const server = await TestServer.start({ ...options, mode: 'serve', config })
    const bootstrap = bootstrapToken(server)
    const stranger = server.connect({ token: bootstrap })
    const { key } = await stranger.auth.keys.create({ name: 'admin', roleCeiling: 'admin', scopes: ['*'] })
    stranger.close()
    return new Guarded(server, key, bootstrap)
  }

  async key(options: Partial<KeyOptions> = {}): Promise<{ key: string; keyId: string }> {
    const { key, keyId } = await this.admin.auth.keys.create({ name: 'a key', ...options })
    return { key, keyId }
  }

  /** Registers an agent with a key. */
  register(key: string, input: Partial<Parameters<Client['agents']['register']>[0]> = {}): Promise<Registered> {
    return register(this.server, key, input)
  }

  /** Registers an agent with an enrolment token of its own and returns it with its client. */
  async agent(
    name: string,
    role: Registered['role'] = 'developer',
  ): Promise<Registered & { client: Client; keyId: string }> {
    const { key, keyId } = await this.key({ roleCeiling: role, maxUses: 1 })
    const registered = await this.register(key, { name, role })
    return { ...registered, keyId, client: this.server.connect({ token: registered.token }) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

export async function register(
  server: TestServer,
  token: string,
  input: Partial<Parameters<Client['agents']['register']>[0]> = {},
): Promise<Registered> {
  const client = server.connect({ token })
  try {
    return await client.agents.register({ name: 'worker', type: 'implementation', ...input })
  } finally {
    client.close()
  }
}

export const bootstrapFile = (server: TestServer): string => `${server.database}.bootstrap`
export const hasBootstrapFile = (server: TestServer): boolean => existsSync(bootstrapFile(server))
export const bootstrapToken = (server: TestServer): string => readFileSync(bootstrapFile(server), 'utf8').trim()

export interface Answer {
  readonly status: number
  readonly code: string
  readonly text: string
  readonly headers: Headers
}

/** Makes one call over tRPC's HTTP with a token. */
export async function ask(
  server: TestServer,
  path: string,
  token: string | undefined,
  {
    input = {},
    kind = 'query',
    headers = {},
  }: { input?: unknown; kind?: 'query' | 'mutation'; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const shown = { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  const text = JSON.stringify(input)
  const response =
    kind === 'query'
      ? await fetch(`${server.url}/trpc/${path}?input=${encodeURIComponent(text)}`, { headers: shown })
      : await fetch(`${server.url}/trpc/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...shown },
          body: text,
        })
  const body = await response.text()
  const parsed = JSON.parse(body) as { error?: { data: { code: string } } }
  return { status: response.status, code: parsed.error?.data.code ?? 'OK', text: body, headers: response.headers }
}

/** Replaces the request id in a reply, which differs for each HTTP request. */
export const withoutId = (text: string): string => text.replaceAll(/"requestId":"[^"]+"/g, '"requestId":""')
