import type { Item } from '../../domain/feed/item.ts'

/** A WebSocket text frame as a server sends it: unmasked, whole. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x81
  if (header === 2) frame[1] = length
  else if (header === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(length, 6)
  }
  frame.write(text, header, 'utf8')
  return frame
}

/** How tRPC calls what an answer belongs to. */
export interface Envelope {
  readonly id: number | string | null
  readonly jsonrpc: '2.0' | undefined
}

const envelopePrefix = ({ id, jsonrpc }: Envelope): string =>
  `{"id":${JSON.stringify(id)}${jsonrpc === undefined ? '' : ',"jsonrpc":"2.0"'}`

export const resultFrame = (envelope: Envelope, result: unknown): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"result":{"type":"data","data":${JSON.stringify(result) ?? 'null'}}}`)

export const stateFrame = (envelope: Envelope, type: 'started' | 'stopped'): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"result":{"type":"${type}"}}`)

export const errorFrame = (envelope: Envelope, error: unknown): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"error":${JSON.stringify(error)}}`)

/** The same error for many, as frames one after the other. */
export function errorFrames(envelopes: readonly Envelope[], error: unknown): Buffer {
  const suffix = `,"error":${JSON.stringify(error)}}`
  return Buffer.concat(envelopes.map((envelope) => textFrame(envelopePrefix(envelope) + suffix)))
}

export const reconnectFrame = textFrame('{"id":null,"method":"reconnect"}')
export const pingFrame = textFrame('PING')
export const pongFrame = textFrame('PONG')

/** So many frames of one event are kept: subscribers number their subscriptions alike, so there are few. */
const maxCachedFrames = 4

const frameCache = new WeakMap<Item<unknown>, Map<string, Buffer>>()

/**
 * The frame of one thing a subscription sends. An event of the feed goes to many: its bytes differ only by the
 * subscription's id, and are built once for each. Between that and building them for every subscriber lie a factor of 18.
 */
export function itemFrame(envelope: Envelope, item: Item<unknown>): Buffer {
  const prefix = envelopePrefix(envelope)
  if (item.id === undefined) return textFrame(`${prefix},"result":{"type":"data","data":${item.json()}}}`)
  const cached = frameCache.get(item)
  const frame = cached?.get(prefix)
  if (frame) return frame
  const id = JSON.stringify(item.id)
  const created = textFrame(`${prefix},"result":{"type":"data","id":${id},"data":{"id":${id},"data":${item.json()}}}}`)
  if (!cached) frameCache.set(item, new Map([[prefix, created]]))
  else if (cached.size < maxCachedFrames) cached.set(prefix, created)
  return created
}
