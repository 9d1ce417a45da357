import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { readHookEnvironment } from '../hook-environment.ts'
import type { WaitResult, WaitTarget } from '../session/poll.ts'
import { startTimeOf } from '../session/processes.ts'
import { ancestorPids } from './ancestors.ts'
import type { HookEvent, HookHost } from './hook-output.ts'
import { type HookSocketInfo, listAndPruneHookSockets } from './hook-sockets.ts'

/**
 * Number of processes above a hook that may be its host. A host starts a hook directly or with a
 * shell. A process further up may be another host whose shell started this one, and its messages
 * are for another session.
 */
const maxAncestors = 3

/** Finds the hook socket of the bridge that this process's host has started. */
function findHookSocket(): HookSocketInfo | undefined {
  const { stateDir, hostSessionId } = readHookEnvironment()
  const sockets = listAndPruneHookSockets(stateDir)
  const named = hostSessionId === undefined ? undefined : sockets.find((socket) => socket.session === hostSessionId)
  if (named) return named
  for (const pid of ancestorPids(maxAncestors)) {
    const match = sockets.find(({ host, began }) => host === pid && began === startTimeOf(pid))
    if (match) return match
  }
  return undefined
}

function sendHookRequest({ socket, secret }: HookSocketInfo, request: object): Socket {
  const connection = connect(socket)
  connection.write(`${JSON.stringify({ secret, ...request })}\n`)
  return connection
}

/** A hook as its bridge is told about it. */
export interface HookReport {
  readonly event: HookEvent
  readonly host: HookHost
  /** True if the turn ends whatever is there to show. */
  readonly endsTurn: boolean
  /** The host's id of its session, if its input names one. */
  readonly thread: string | undefined
}

/** Returns the content for this host session at this hook; empty without a bridge. */
export async function fetchHookContent(hook: HookReport): Promise<string> {
  const hookSocket = findHookSocket()
  return hookSocket ? text(sendHookRequest(hookSocket, { hook })) : ''
}

/** Waits for work of this host session. Rejects if it has no bridge or the bridge has ended. */
export async function waitThroughBridge(
  wait: { readonly for: WaitTarget; readonly type: string | undefined },
  ended: AbortSignal,
): Promise<WaitResult | undefined> {
  const hookSocket = findHookSocket()
  if (!hookSocket) throw new Error('no host session found above this process: is tony-mcp connected in the host?')
  const connection = sendHookRequest(hookSocket, { wait })
  ended.addEventListener('abort', () => connection.destroy(), { once: true })
  const reply = await text(connection).catch((error: unknown) => {
    if (ended.aborted) return undefined
    throw error
  })
  if (reply === undefined || ended.aborted) return undefined
  if (reply === '') throw new Error('the host session has ended, or the server rejected its agent')
  return JSON.parse(reply)
}
