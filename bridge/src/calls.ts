import { type Client, TonyError } from '@tony/mcp-client'
import { type Path, typedCalls } from '@tony/mcp-tools/calls'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

async function callProcedure(
  client: Client,
  path: Path,
  input: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const [noun = '', verb = ''] = path.split('.')
  const verbs: unknown = Reflect.get(client, noun)
  const call = isRecord(verbs) ? verbs[verb] : undefined
  if (typeof call !== 'function') throw new Error(`this client does not know ${path}`)
  return call(input, signal ? { signal } : {})
}

/** The calls of the tools by a client. */
export const callsOf = (client: Client) => typedCalls((to, given, ends) => callProcedure(client, to, given, ends))

/** What ends an agent without anybody having meant to: it is registered anew. */
export const rejoinCodes: ReadonlySet<string> = new Set(['CLIENT_CLOSED', 'UNAUTHENTICATED', 'TOKEN_EXPIRED'])

/** Asked while messages are made ready to be shown: nobody has read those yet. */
export const nonAcknowledgingPaths: ReadonlySet<Path> = new Set(['agents.get'])

/** What somebody has meant: only a model that is told to joins again. */
export const deliberateEndCodes: ReadonlySet<string> = new Set(['TOKEN_REVOKED', 'STALE_INCARNATION'])

export const codeOf = (error: unknown): string | undefined => (error instanceof TonyError ? error.code : undefined)
