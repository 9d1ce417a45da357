import { get } from 'node:http'
import { ConfigError, readEnvironmentConfig } from '@tony/mcp-server/config'
import { CommandError } from './command-error.ts'
import { isRecord } from './is-record.ts'
import { findPortHolder } from './port-holder.ts'

/** Longest wait for the reply of a listener. */
const replyTimeoutMs = 2_000

/** What listens on a port: nothing, a Tony MCP server of some version, or another program. */
type PortListener = { readonly kind: 'none' | 'other' } | { readonly kind: 'tony'; readonly version: string }

function toPortListener(body: string): PortListener {
  try {
    const reply: unknown = JSON.parse(body)
    if (isRecord(reply) && reply['name'] === 'Tony MCP Server')
      return { kind: 'tony', version: String(reply['version']) }
    return { kind: 'other' }
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'other' }
    throw error
  }
}

/**
 * Finds the listener at an address. A refused connection is immediate, so a start is not delayed.
 */
const findPortListener = (url: string): Promise<PortListener> =>
  new Promise((resolve) => {
    const request = get(url, { timeout: replyTimeoutMs, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
        // Another program may send without an end.
        if (body.length > 65_536) request.destroy()
      })
      response.on('end', () => resolve(toPortListener(body)))
      response.on('close', () => resolve({ kind: 'other' }))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', (error) => {
      const isRefused = 'code' in error && error.code === 'ECONNREFUSED'
      resolve({ kind: isRefused ? 'none' : 'other' })
    })
  })

/**
 * `tony-mcp dev`. If a server runs on the port already, it prints the server's URL in place of an
 * error about the port or the database.
 */
export async function devCommand(): Promise<void> {
  const { host, port } = configuredAddress()
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const listener: PortListener = port === 0 ? { kind: 'none' } : await findPortListener(url)
  if (listener.kind === 'tony')
    throw new CommandError(
      1,
      `a Tony MCP server ${listener.version} already runs at ${url}: use it, or set MCP_PORT to another port`,
    )
  const { main } = await import('@tony/mcp-server/main')
  await main('dev')
  const holder = listener.kind === 'other' ? findPortHolder(port) : undefined
  if (holder !== undefined) process.stderr.write(`port ${port} is held by ${holder}\n`)
}

/** Returns the address of the environment; port 0 if the environment is unusable. */
function configuredAddress(): { readonly host: string; readonly port: number } {
  try {
    return readEnvironmentConfig()
  } catch (error) {
    // The start reports it.
    if (error instanceof ConfigError) return { host: '', port: 0 }
    throw error
  }
}
