import { readFileSync } from 'node:fs'
import type { McpServer } from '@modelcontextprotocol/server'
import { type Around, mcpServer } from '@tony/mcp-tools/serve'
import { type Clock, every, systemClock } from './clock.ts'
import type { BridgeConfig } from './environment.ts'
import { Session } from './session/host-session.ts'
import { sessionKey, takeSlot } from './session/slots.ts'
import { workspaceOf } from './session/workspace.ts'

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** How often a host that asked for it hears that a tool still waits, in milliseconds. */
const reportMs = 10_000

/** Signs of life while a tool waits: hosts that count the silence of a tool, and not its length, go on waiting. */
const reporting =
  (clock: Clock): Around =>
  async ({ signal, report }, run) => {
    if (!report) return run(signal)
    let beats = 0
    const stop = every(clock, reportMs, () => {
      beats += 1
      report(beats, 'still waiting').catch(() => undefined)
    })
    return run(signal).finally(stop)
  }

/** One host session: its agent, and the MCP servers that speak for it. */
export interface Bridge {
  readonly session: Session
  /** A server on this session, for one connection of the host. */
  readonly connect: () => McpServer
  readonly close: () => Promise<void>
}

export function openBridge(
  { settings, session: told, workspace, stateDir }: BridgeConfig,
  clock = systemClock,
): Bridge {
  const place = workspaceOf(workspace)
  const slot = takeSlot(stateDir, sessionKey(told), place)
  const session = new Session({ settings, slot, workspace: place.name, clock })
  const around = reporting(clock)
  return {
    session,
    connect: () => mcpServer({ seat: session, version, around }),
    close: () => session.close(),
  }
}
