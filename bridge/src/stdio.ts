import { once } from 'node:events'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { openBridge } from './bridge.ts'
import { repeatEvery, systemClock } from './clock.ts'
import { readProcessConfig } from './environment.ts'
import { startHookSocketServer } from './hooks/socket-server.ts'

/** Time for leaving before the process exits anyway, in milliseconds. */
const leaveTimeoutMs = 3_000

/** Interval of the check of the parent process, in milliseconds. */
const parentIntervalMs = 2_000

/**
 * Resolves once the host has ended. Standard input may stay open after that, because another
 * process holds the pipe. The id of the parent process is polled instead: the operating system
 * gives this process another parent.
 */
function waitForParentEnd(): Promise<void> {
  const parent = process.ppid
  return new Promise((resolve) => {
    const stop = repeatEvery(systemClock, parentIntervalMs, () => {
      if (process.ppid === parent) return
      stop()
      resolve()
    })
  })
}

/**
 * `tony-mcp mcp`: serves one host session on standard input and output until the host closes it.
 */
export async function serveHost(wake?: string): Promise<void> {
  const config = readProcessConfig(wake)
  const bridge = openBridge(config)
  const stopHookSocketServer = startHookSocketServer({ ...config, requests: bridge.requests })
  const hostGone = Promise.race([
    waitForParentEnd(),
    once(process.stdin, 'end'),
    once(process.stdin, 'close'),
    once(process.stdout, 'error'),
    once(process, 'SIGTERM'),
    once(process, 'SIGINT'),
    once(process, 'SIGHUP'),
  ])
  const serving = serveStdio(bridge.connect, {
    onerror: (error) => process.stderr.write(`tony-mcp: ${error.message}\n`),
  })
  bridge.start()
  await hostGone
  stopHookSocketServer()
  systemClock.timer(leaveTimeoutMs, () => process.exit(0))
  await bridge.close()
  await serving.close()
  process.exit(0)
}
