import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { bridgeConfigHere } from '../environment.ts'
import type { Found, LookFor } from '../session/poll.ts'
import { beginOf } from '../session/slots.ts'
import { ancestors } from './ancestors.ts'
import { type Door, doorsIn } from './socket-server.ts'

/**
 * How far above a hook its host may be: a host starts it by itself or with a shell. Further up there may be another host, in
 * whose shell this one was started, and whose messages are not for this one.
 */
const generations = 3

/** The door of the bridge that the host of this process has started. */
function doorHere(): Door | undefined {
  const { stateDir, session } = bridgeConfigHere()
  const doors = doorsIn(stateDir)
  const told = session === undefined ? undefined : doors.find((door) => door.session === session)
  if (told) return told
  for (const pid of ancestors(generations)) {
    const door = doors.find(({ host, began }) => host === pid && began === beginOf(pid))
    if (door) return door
  }
  return undefined
}

function ask({ socket, secret }: Door, question: object): Socket {
  const line = connect(socket)
  line.write(`${JSON.stringify({ secret, ...question })}\n`)
  return line
}

/** What is to be shown to the session of this host now, of messages those that are at least as urgent; empty when it has no bridge. */
export async function look(upTo: DeliveryMode): Promise<string> {
  const door = doorHere()
  return door ? text(ask(door, { show: upTo })) : ''
}

/** Waits for the session of this host. Rejects when it has no bridge, or that has ended. */
export async function waitAtDoor(
  wait: { readonly for: LookFor; readonly type: string | undefined },
  ended: AbortSignal,
): Promise<Found | undefined> {
  const door = doorHere()
  if (!door) throw new Error('no session of a coding agent is found here: is its tony-mcp connected?')
  const line = ask(door, { wait })
  ended.addEventListener('abort', () => line.destroy(), { once: true })
  const answer = await text(line).catch((error: unknown) => {
    if (ended.aborted) return undefined
    throw error
  })
  if (answer === undefined || ended.aborted) return undefined
  if (answer === '') throw new Error('the session has ended, or its server refuses it')
  return JSON.parse(answer)
}
