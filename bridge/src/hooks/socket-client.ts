import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { readProcessConfig } from '../environment.ts'
import type { WaitResult, WaitTarget } from '../session/poll.ts'
import { startTimeOf } from '../session/slots.ts'
import { ancestors } from './ancestors.ts'
import { type HookSocketInfo, listHookSockets } from './socket-server.ts'

/**
 * How far above a hook its host may be: a host starts it by itself or with a shell. Further up there may be another host, in
 * whose shell this one was started, and whose messages are not for this one.
 */
const maxAncestors = 3

/** The door of the bridge that the host of this process has started. */
function findHookSocket(): HookSocketInfo | undefined {
  const { stateDir, hostSessionId } = readProcessConfig()
  const sockets = listHookSockets(stateDir)
  const match = hostSessionId === undefined ? undefined : sockets.find((socket) => socket.session === hostSessionId)
  if (match) return match
  for (const pid of ancestors(maxAncestors)) {
    const door = sockets.find(({ host, began }) => host === pid && began === startTimeOf(pid))
    if (door) return door
  }
  return undefined
}

function sendHookRequest({ socket, secret }: HookSocketInfo, request: object): Socket {
  const connection = connect(socket)
  connection.write(`${JSON.stringify({ secret, ...request })}\n`)
  return connection
}

/** What is to be shown to the session of this host now, of messages those that are at least as urgent; empty when it has no bridge. */
export async function fetchHookContent(leastUrgentMode: DeliveryMode): Promise<string> {
  const hookSocket = findHookSocket()
  return hookSocket ? text(sendHookRequest(hookSocket, { show: leastUrgentMode })) : ''
}

/** Waits for the session of this host. Rejects when it has no bridge, or that has ended. */
export async function waitThroughBridge(
  wait: { readonly for: WaitTarget; readonly type: string | undefined },
  ended: AbortSignal,
): Promise<WaitResult | undefined> {
  const hookSocket = findHookSocket()
  if (!hookSocket) throw new Error('no session of a coding agent is found here: is its tony-mcp connected?')
  const connection = sendHookRequest(hookSocket, { wait })
  ended.addEventListener('abort', () => connection.destroy(), { once: true })
  const answer = await text(connection).catch((error: unknown) => {
    if (ended.aborted) return undefined
    throw error
  })
  if (answer === undefined || ended.aborted) return undefined
  if (answer === '') throw new Error('the session has ended, or its server refuses it')
  return JSON.parse(answer)
}
