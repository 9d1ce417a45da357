import { once } from 'node:events'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { openBridge } from './bridge.ts'
import { systemClock } from './clock.ts'
import { bridgeConfigHere } from './environment.ts'
import { openDoor } from './hooks/socket-server.ts'
import { Boundary } from './messages/boundary.ts'

/** How long leaving may take before the process ends anyway, in milliseconds. */
const leaveWithinMs = 3_000

/** `tony-mcp mcp`: serves one host session on standard input and output, until the host closes it. */
export async function serveHost(): Promise<void> {
  const config = bridgeConfigHere()
  const bridge = openBridge(config)
  const { session } = bridge
  const boundary = new Boundary(session, systemClock)
  const closeDoor = openDoor({ ...config, boundary, wait: (what, ended) => session.look(what, ended) })
  const gone = Promise.race([
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
  session.start()
  await gone
  closeDoor()
  systemClock.timer(leaveWithinMs, () => process.exit(0))
  await bridge.close()
  await serving.close()
  process.exit(0)
}
