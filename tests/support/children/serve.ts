import { readConfig } from '@tony/mcp-server/config'
import { startServer } from '@tony/mcp-server/server'

/**
 * A server in dev mode on the given file and port. It prints its address once it replies, and runs
 * until it is killed.
 */
const [, , file = '', port = '0'] = process.argv
const server = await startServer(readConfig('dev', { DATABASE_PATH: file, MCP_PORT: port, LOG_LEVEL: 'error' }))
process.stdout.write(`ready ${server.url}\n`)
process.stdin.resume()
