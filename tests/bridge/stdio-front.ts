import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { program } from '../support/command.ts'
import type { TestServer } from '../support/server.ts'

/**
 * An HTTP server in front of a bridge's standard input and output, for programs that need an
 * address. It sends one message for each HTTP request.
 */
export class StdioFront implements AsyncDisposable {
  readonly #bridge: ChildProcess
  readonly #server: Server
  readonly #waiting = new Map<unknown, (line: string) => void>()
  url = ''

  private constructor(server: TestServer) {
    const env = { ...process.env, TONY_MCP_URL: server.url, TONY_MCP_STATE_DIR: join(server.folder, 'state') }
    this.#bridge = spawn(process.execPath, [program, 'mcp'], { env, stdio: ['pipe', 'pipe', 'ignore'] })
    const { stdout } = this.#bridge
    if (stdout) createInterface(stdout).on('line', (line) => this.#answer(line))
    this.#server = createServer((request, response) => void this.#pass(request, response))
  }

  static async open(server: TestServer): Promise<StdioFront> {
    const front = new StdioFront(server)
    front.#server.listen(0, '127.0.0.1')
    await once(front.#server, 'listening')
    const address = front.#server.address()
    if (typeof address !== 'object' || !address) throw new Error('the front has no port')
    front.url = `http://127.0.0.1:${address.port}/mcp`
    return front
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const message = JSON.parse(Buffer.concat(chunks).toString())
    if (message.id === undefined) response.writeHead(202).end()
    else
      this.#waiting.set(message.id, (line) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(line)
      })
    this.#bridge.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  #answer(line: string): void {
    const { id } = JSON.parse(line)
    this.#waiting.get(id)?.(line)
    this.#waiting.delete(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bridge.stdin?.end()
    await once(this.#bridge, 'exit')
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
