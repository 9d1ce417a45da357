import { readFileSync } from 'node:fs'
import type { McpServer } from '@modelcontextprotocol/server'
import { createMcpServer, type ToolCallWrapper } from '@tony/mcp-tools/mcp-server'
import { type Clock, repeatEvery, systemClock } from './clock.ts'
import type { BridgeConfig } from './environment.ts'
import { HostSession } from './session/host-session.ts'
import { hostSessionKey, takeSlot } from './session/slots.ts'
import { workspaceOf } from './session/workspace.ts'

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** Interval of the progress notifications while a tool waits, in milliseconds. */
const progressIntervalMs = 10_000

/**
 * Sends progress notifications while a tool waits, if the host wants them. Some hosts limit the
 * silence of a tool and not its duration.
 */
const reportProgress =
  (clock: Clock): ToolCallWrapper =>
  async ({ signal, reportProgress }, run) => {
    if (!reportProgress) return run(signal)
    let notifications = 0
    const stop = repeatEvery(clock, progressIntervalMs, () => {
      notifications += 1
      reportProgress(notifications, 'still waiting').catch(() => undefined)
    })
    return run(signal).finally(stop)
  }

/** One host session: its agent and the MCP servers that act as it. */
export interface Bridge {
  readonly hostSession: HostSession
  /** Creates an MCP server of this session for one connection of the host. */
  readonly connect: () => McpServer
  readonly close: () => Promise<void>
}

export function openBridge(
  { settings, hostSessionId, workspace, stateDir }: BridgeConfig,
  clock = systemClock,
): Bridge {
  const workspaceInfo = workspaceOf(workspace)
  const slot = takeSlot(stateDir, hostSessionKey(hostSessionId), workspaceInfo)
  const hostSession = new HostSession({ settings, slot, workspace: workspaceInfo.name, clock })
  const wrapCall = reportProgress(clock)
  return {
    hostSession,
    connect: () => createMcpServer({ toolSession: hostSession, version, wrapCall }),
    close: () => hostSession.close(),
  }
}
