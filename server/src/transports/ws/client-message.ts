import type { Call } from '../../guards/call.ts'
import type { Envelope } from './frames.ts'

/** What a frame of tRPC's WebSocket protocol can ask for. */
export type ClientMessage =
  | { readonly type: 'malformed'; readonly envelope: Envelope; readonly reason: string }
  | { readonly type: 'stop'; readonly id: number | string }
  | {
      readonly type: 'call'
      readonly id: number | string
      readonly jsonrpc: '2.0' | undefined
      readonly kind: Call['kind']
      readonly path: string
      readonly rawInput: unknown
    }

const emptyEnvelope: Envelope = { id: null, jsonrpc: undefined }

const malformed = (reason: string, envelope = emptyEnvelope): ClientMessage => ({ type: 'malformed', envelope, reason })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isId = (value: unknown): value is number | string =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))

const kinds: ReadonlySet<unknown> = new Set<Call['kind']>(['query', 'mutation', 'subscription'])
const isKind = (value: unknown): value is Call['kind'] => kinds.has(value)

/** A resumed subscription's position travels beside its input; tRPC's server puts it into the input, and so does this. */
function withLastEventId(input: unknown, lastEventId: unknown): unknown {
  if (lastEventId === undefined) return input
  return isObject(input) ? { ...input, lastEventId } : { lastEventId }
}

function parseClientMessage(message: unknown): ClientMessage {
  if (!isObject(message)) return malformed('a message is a JSON object')
  const { id, method, params } = message
  const jsonrpc = message['jsonrpc'] === '2.0' ? ('2.0' as const) : undefined
  if (!isId(id)) return malformed('`id` is a number or a string')
  const envelope = { id, jsonrpc }
  if (method === 'subscription.stop') return { type: 'stop', id }
  if (!isKind(method)) return malformed('`method` is query, mutation, subscription or subscription.stop', envelope)
  if (!isObject(params)) return malformed('`params` is an object', envelope)
  const { path, input, lastEventId } = params
  if (typeof path !== 'string') return malformed('`params.path` is a string', envelope)
  return { type: 'call', id, jsonrpc, kind: method, path, rawInput: withLastEventId(input, lastEventId) }
}

/** The messages of one frame: one, or a batch. Never throws. */
export function parseClientMessages(text: string): readonly ClientMessage[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return [malformed('the frame is not JSON')]
  }
  return Array.isArray(parsed) ? parsed.map(parseClientMessage) : [parseClientMessage(parsed)]
}

/** The first frame of a socket that announced `connectionParams`; undefined when it is not one. */
export function parseConnectionParams(
  text: string,
): { token: string | undefined; project: string | undefined } | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(parsed) || parsed['method'] !== 'connectionParams') return undefined
  const data = isObject(parsed['data']) ? parsed['data'] : {}
  const nonEmptyString = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
  const { token } = data
  // One that is there and cannot be a token is refused as one: an agent whose setting is empty must not become the developer.
  const credential = token === undefined || token === null ? undefined : typeof token === 'string' ? token : ''
  return { token: credential, project: nonEmptyString(data['project']) }
}
