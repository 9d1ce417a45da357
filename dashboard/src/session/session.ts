import type { QueryClient } from '@tanstack/react-query'
import { type Client, createClient, TonyError } from '@tony/mcp-client'
import { createContext, useContext } from 'react'
import { now } from '../clock.ts'
import { LiveFeed } from '../data/live-feed.ts'
import { createQueryClient } from '../data/query-client.ts'
import { type Credential, readServerUrl } from './credential.ts'

type Whoami = Awaited<ReturnType<Client['auth']['whoami']>>
export type Permission = Whoami['permissions'][number]

/** A person who is signed in: the connection, the identity and the live feed of its project. */
export interface Session {
  readonly client: Client
  readonly queries: QueryClient
  readonly feed: LiveFeed
  readonly whoami: Whoami
  readonly server: { readonly version: string; readonly mode: 'dev' | 'serve' }
  /** Milliseconds by which the clock of the server is ahead of the one here. */
  readonly clockAheadMs: number
  readonly credential: Credential
}

/** True for a refusal that another credential can lift. */
export const isSignInError = (error: unknown): boolean =>
  error instanceof TonyError && /^(UNAUTHENTICATED|TOKEN_|STALE_INCARNATION)/.test(error.code)

/** Connects with a credential. Rejects with the refusal of the server. */
export async function openSession(credential: Credential): Promise<Session> {
  const client = createClient({ url: readServerUrl(), ...credential })
  try {
    const whoami = await client.auth.whoami({})
    const askedAt = now()
    const info = await client.system.info({})
    const clockAheadMs = Date.parse(info.now) - (askedAt + now()) / 2
    const queries = createQueryClient()
    const feed = new LiveFeed({ client, queries, clockAheadMs })
    feed.start()
    return { client, queries, feed, whoami, server: info, clockAheadMs, credential }
  } catch (error) {
    client.close()
    throw error
  }
}

export function closeSession({ client, feed, queries }: Session): void {
  feed.close()
  client.close()
  queries.clear()
}

export const SessionContext = createContext<Session | undefined>(undefined)

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('there is no session above this component')
  return session
}

/** Returns a function that tells if the person may do something. */
export function useCan(): (permission: Permission) => boolean {
  const { whoami } = useSession()
  return (permission) => whoami.permissions.includes(permission)
}
