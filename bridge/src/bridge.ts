import { readFileSync } from 'node:fs'
import type { McpServer } from '@modelcontextprotocol/server'
import { createMcpServer, type ToolCallWrapper } from '@tony/mcp-tools/mcp-server'
import { type Clock, repeatEvery, systemClock } from './clock.ts'
import type { BridgeConfig } from './environment.ts'
import { HookContentSource } from './hooks/hook-content.ts'
import { HookRequestHandler } from './hooks/hook-requests.ts'
import { HostSession } from './session/host-session.ts'
import { hostSessionKey, takeSlot } from './session/slots.ts'
import { workspaceOf } from './session/workspace.ts'
import { channelCapability } from './wake/providers/channel.ts'
import { createWakeServices } from './wake/waking.ts'

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** Interval of the progress notifications while a tool waits, in milliseconds. */
const progressIntervalMs = 10_000

/**
 * Sends progress notifications while a tool waits, if the host wants them. Some hosts limit the
 * silence of a tool and not its duration.
 */
const createProgressWrapper =
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
  /** The requests of the hooks of this host. */
  readonly requests: HookRequestHandler
  /** Registers as soon as possible, and wakes the session from then on. */
  readonly start: () => void
  /** Creates an MCP server of this session for one connection of the host. */
  readonly connect: () => McpServer
  readonly close: () => Promise<void>
}

export function openBridge(
  { settings, hostSessionId, workspace, stateDir, wake }: BridgeConfig,
  clock = systemClock,
): Bridge {
  const workspaceInfo = workspaceOf(workspace)
  const slot = takeSlot(stateDir, hostSessionKey(hostSessionId), workspaceInfo)
  let current: McpServer | undefined
  const connection = {
    hostName: () => current?.server.getClientVersion()?.name,
    notify: async (notification: { method: string; params: Record<string, unknown> }) =>
      current?.server.notification(notification),
  }
  const { activity, wakes, stopHook, recordThread } = createWakeServices({ wake, clock, connection })
  const onJoined = wakes.attach.bind(wakes)
  const hostSession = new HostSession({ settings, slot, workspace: workspaceInfo.name, clock, onJoined })
  const report = createProgressWrapper(clock)
  const wrapCall: ToolCallWrapper = (call, run) => {
    if (call.tool === 'next_task') wakes.recordClaim()
    return activity.during(() => report(call, run))
  }
  return {
    hostSession,
    requests: new HookRequestHandler({
      hostSession,
      contentSource: new HookContentSource(hostSession, clock),
      activity,
      stopHook,
      recordThread,
    }),
    start: () => {
      wakes.start()
      hostSession.start()
    },
    connect: () => {
      current = createMcpServer({ toolSession: hostSession, version, wrapCall, experimental: channelCapability })
      return current
    },
    close: () => {
      activity.close()
      stopHook.release()
      return hostSession.close()
    },
  }
}
