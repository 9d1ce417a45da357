import { monitorEventLoopDelay } from 'node:perf_hooks'
import { readConfig } from '@tony/mcp-server/config'
import { startServer } from '@tony/mcp-server/server'

/**
 * A server in serve mode that prints the delays of its event loop. The CPU time of its thread
 * between two ticks of a timer measures the delays of this process; the wall clock includes those
 * of other processes. On a busy machine only the first is the server's fault.
 */
const [, , file = ''] = process.argv
const env = { DATABASE_PATH: file, MCP_PORT: '0', LOG_LEVEL: 'error', MCP_TRUSTED_PROXIES: '127.0.0.1/32' }
const base = readConfig('serve', { ...env, MCP_DURABILITY: 'process' })
const many = {
  callerBurst: 1e9,
  callerPerSecond: 1e9,
  addressBurst: 1e9,
  addressPerSecond: 1e9,
  handshakesPerSecond: 1e9,
}
// The samples of calls name an endpoint at which nothing listens.
const webhooks = { cidrs: ['127.0.0.0/8'], origins: ['http://127.0.0.1:9'] }
await using server = await startServer({ ...base, webhooks, ballastBytes: 0, limits: { ...base.limits, ...many } })

const delay = monitorEventLoopDelay({ resolution: 10 })
let longestMs = 0
let cpuUs = 0

const busyUs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

process.stdin.on('data', (line) => {
  switch (String(line).trim()) {
    case 'watch':
      delay.reset()
      delay.enable()
      longestMs = 0
      cpuUs = busyUs()
      setInterval(() => {
        const now = busyUs()
        longestMs = Math.max(longestMs, (now - cpuUs) / 1_000)
        cpuUs = now
      }, 5)
      process.stdout.write('watching\n')
      break
    case 'report':
      process.stdout.write(`held up ${JSON.stringify({ cpuMs: longestMs, wallMs: delay.max / 1e6 })}\n`)
      break
  }
})
process.stdout.write(`ready ${server.url}\n`)
await new Promise(() => undefined)
