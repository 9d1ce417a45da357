import type { Call } from '../../guards/call.ts'
import { isRecord } from '../../platform/is-record.ts'
import type { Envelope } from './frames.ts'

/** A message of tRPC's WebSocket protocol, as a client sends it. */
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

const malformedMessage = (reason: string, envelope = emptyEnvelope): ClientMessage => ({
  type: 'malformed',
  envelope,
  reason,
})

const isId = (value: unknown): value is number | string =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))

const kinds: ReadonlySet<unknown> = new Set<Call['kind']>(['query', 'mutation', 'subscription'])
const isKind = (value: unknown): value is Call['kind'] => kinds.has(value)

/**
 * Adds a resumed subscription's cursor to its input, as tRPC's server does. On the wire it is a
 * field beside the input.
 */
function withLastEventId(input: unknown, lastEventId: unknown): unknown {
  if (lastEventId === undefined) return input
  return isRecord(input) ? { ...input, lastEventId } : { lastEventId }
}

function parseClientMessage(message: unknown): ClientMessage {
  if (!isRecord(message)) return malformedMessage('a message is a JSON object')
  const { id, method, params } = message
  const jsonrpc = message['jsonrpc'] === '2.0' ? ('2.0' as const) : undefined
  if (!isId(id)) return malformedMessage('`id` is a number or a string')
  const envelope = { id, jsonrpc }
  if (method === 'subscription.stop') return { type: 'stop', id }
  if (!isKind(method))
    return malformedMessage('`method` is query, mutation, subscription or subscription.stop', envelope)
  if (!isRecord(params)) return malformedMessage('`params` is an object', envelope)
  const { path, input, lastEventId } = params
  if (typeof path !== 'string') return malformedMessage('`params.path` is a string', envelope)
  return { type: 'call', id, jsonrpc, kind: method, path, rawInput: withLastEventId(input, lastEventId) }
}

/** Parses the messages of one frame: a single message or a batch. Never throws. */
export function parseClientMessages(text: string): readonly ClientMessage[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return [malformedMessage('the frame is not JSON')]
  }
  return Array.isArray(parsed) ? parsed.map(parseClientMessage) : [parseClientMessage(parsed)]
}

/**
 * Parses the first frame of a socket that announced `connectionParams`. Returns undefined for any
 * other frame.
 */
export function parseConnectionParams(
  text: string,
): { token: string | undefined; project: string | undefined } | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(parsed) || parsed['method'] !== 'connectionParams') return undefined
  const data = isRecord(parsed['data']) ? parsed['data'] : {}
  const nonEmptyString = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
  const { token } = data
  // A token that is present but empty or not a string is refused as a credential: an agent with an
  // empty setting must not become the developer of dev mode.
  const credential = token === undefined || token === null ? undefined : typeof token === 'string' ? token : ''
  return { token: credential, project: nonEmptyString(data['project']) }
}
