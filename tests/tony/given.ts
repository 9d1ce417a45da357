import { MinimalMCPServer, type ServerOptions, TonyMCPIntegration } from '@tony/mcp-client/tony'
import type { TestServer } from '../support/server.ts'

/** Tony on a server of the test, instead of the one the environment names. */
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

/** The message something rejects with. */
export const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    (value) => `no error: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
