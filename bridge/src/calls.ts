import { type Client, TonyError } from '@tony/mcp-client'
import { createTypedCalls, type ProcedurePath } from '@tony/mcp-tools/calls'
import { isRecord } from './is-record.ts'

async function callProcedure(
  client: Client,
  path: ProcedurePath,
  input: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const [noun = '', verb = ''] = path.split('.')
  const verbs: unknown = Reflect.get(client, noun)
  const call = isRecord(verbs) ? verbs[verb] : undefined
  if (typeof call !== 'function') throw new Error(`this version of the client has no procedure ${path}`)
  return call(input, signal ? { signal } : {})
}

/** Returns the typed calls of the tools, made by a client. */
export const toolCallsOf = (client: Client) =>
  createTypedCalls((to, given, ends) => callProcedure(client, to, given, ends))

/** Codes of an unintended end of the agent. The bridge registers it again. */
export const rejoinCodes: ReadonlySet<string> = new Set(['CLIENT_CLOSED', 'UNAUTHENTICATED', 'TOKEN_EXPIRED'])

/**
 * Procedures whose calls ack no messages. Any other call of a tool acks the messages shown before
 * it, because a model that calls again has read them. The bridge itself makes these calls while it
 * renders messages, before the model has read them.
 */
export const nonAcknowledgingPaths: ReadonlySet<ProcedurePath> = new Set(['agents.get'])

/** Codes of a deliberate end of the agent. It joins again only at the request of its model. */
export const deliberateEndCodes: ReadonlySet<string> = new Set(['TOKEN_REVOKED', 'STALE_INCARNATION'])

export const errorCodeOf = (error: unknown): string | undefined => (error instanceof TonyError ? error.code : undefined)
