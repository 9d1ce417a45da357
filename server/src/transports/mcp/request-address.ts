import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Pepper } from '../../domain/identity/pepper.ts'
import { addressOfNamedAgent, addressOfSession, createSessionId, type SessionAddress } from './session-address.ts'

/**
 * Header with the session id: the host gets it with the reply to its first request and repeats it
 * in every later one.
 */
export const sessionHeader = 'mcp-session-id'

type Fields = Partial<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {})

const headerOf = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Key of the client's name in a request of a protocol without a handshake. */
const clientInfoKey = 'io.modelcontextprotocol/clientInfo'

/** The place of one HTTP request among the sessions of its host. */
export interface RequestAddress {
  readonly address: SessionAddress | undefined
  /** The session id to send with the reply, which begins a session. */
  readonly newSession?: string
  /**
   * The handle of a caller without a session id. Its model gets it from `join` and gives it to
   * every other tool. Undefined for other callers, and before `join`.
   */
  readonly handle?: string | undefined
  /** True if the caller has no session id and no agent of its configuration. */
  readonly needsHandle: boolean
}

const unknownSessionError = () =>
  new CoordinationError('NOT_FOUND', 'this session is unknown or has ended: begin a new one with initialize')

/**
 * Returns the address of a request: the agent that the host's configuration names, the session id,
 * or the handle in the arguments of a tool. Throws NOT_FOUND for a session id that no server of
 * this store has issued.
 */
export function requestAddressOf(pepper: Pepper, request: IncomingMessage, body: unknown): RequestAddress {
  const agent = headerOf(request, 'x-tony-agent')
  const { method, params } = fieldsOf(body)
  const { name, arguments: args, clientInfo, _meta } = fieldsOf(params)
  const sessionId = headerOf(request, sessionHeader)
  if (method === 'initialize') {
    const newSession = createSessionId(pepper, fieldsOf(clientInfo)['name'])
    const address = agent === undefined ? undefined : addressOfNamedAgent(agent)
    return { address, needsHandle: false, ...(agent === undefined ? { newSession } : {}) }
  }
  if (agent !== undefined) return { address: addressOfNamedAgent(agent), needsHandle: false }
  if (sessionId !== undefined) {
    const address = addressOfSession(pepper, sessionId)
    if (!address) throw unknownSessionError()
    return { address, needsHandle: false }
  }
  const { session } = fieldsOf(args)
  const joining = method === 'tools/call' && name === 'join'
  const issued = joining ? createSessionId(pepper, fieldsOf(fieldsOf(_meta)[clientInfoKey])['name']) : undefined
  const handle = typeof session === 'string' ? session : issued
  return { address: handle === undefined ? undefined : addressOfSession(pepper, handle), handle, needsHandle: true }
}
