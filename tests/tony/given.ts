import { MinimalMCPServer, type ServerOptions, TonyMCPIntegration } from '@tony/mcp-client/tony'
import type { TestServer } from '../support/server.ts'

/** The API of Tony 2.8 on a server of the test, instead of the one that the environment names. */
export class Tony implements AsyncDisposable {
  readonly server: MinimalMCPServer
  readonly mcp: TonyMCPIntegration

  constructor({ url }: TestServer, place: ServerOptions = {}, healthMs = 30_000) {
    this.server = new MinimalMCPServer({ url, timeout: 10_000, ...place })
    this.mcp = new TonyMCPIntegration(this.server, { healthMs })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mcp.shutdown()
  }
}

/** Returns the message of a rejection. */
export const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (value) => `no error: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
