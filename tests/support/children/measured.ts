import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readConfig } from '@tony/mcp-server/config'
import { startServer } from '@tony/mcp-server/server'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/**
 * A server in dev mode on the given file. On request it prints the memory in use after a garbage
 * collection.
 */
const [, , file = ''] = process.argv
const server = await startServer(readConfig('dev', { DATABASE_PATH: file, MCP_PORT: '0', LOG_LEVEL: 'error' }))
process.stdout.write(`ready ${server.url}\n`)
let asked = 0
process.stdin.on('data', () => {
  // The second collection counts the memory whose release the first one has only started.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  asked += 1
  process.stdout.write(`memory ${asked}: ${heapUsed + external}\n`)
})
