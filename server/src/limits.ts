import { z } from 'zod'

/** A whole number, its default, and what it may be. */
const limit = (fallback: number, minimum: number, maximum: number) =>
  z.coerce.number().int().min(minimum).max(maximum).default(fallback)

const mebibyte = 1_048_576

/** What one caller may use of the server. Sizes in bytes. */
const shape = {
  bodyBytes: limit(262_144, 1_024, 64 * mebibyte),
  frameBytes: limit(mebibyte, 1_024, 64 * mebibyte),
  /** Unsent bytes of a socket above which its subscriptions pause. */
  socketBufferBytes: limit(mebibyte, 65_536, 64 * mebibyte),
  /** How long it may stay above that, in milliseconds, before it is closed as too slow. */
  slowConsumerMs: limit(10_000, 100, 600_000),
  callsInFlight: limit(256, 1, 10_000),
  subscriptions: limit(64, 1, 10_000),
  /** Calls in one frame of a WebSocket. Clients send at most 500 in one. */
  frameCalls: limit(1_000, 500, 1_000_000),
  /** Connections of any kind; what comes beyond them is dropped unanswered. */
  connections: limit(10_000, 1, 1_000_000),
  sockets: limit(5_000, 1, 1_000_000),
  /** New sockets a second, and as many at once. Serve mode only. */
  handshakesPerSecond: limit(500, 1, 1_000_000),
  /** Of one agent. A key is often that of many processes, and has no such limit. */
  socketsPerAgent: limit(20, 1, 10_000),
  /** Calls in one HTTP batch. */
  httpBatch: limit(20, 1, 1_000),
  /** How long a socket may take to say who it is, in milliseconds. */
  helloMs: limit(5_000, 100, 60_000),
  /** Silence on a socket after which it is pinged, and then how long the answer may take, in milliseconds. */
  pingMs: limit(25_000, 1_000, 3_600_000),
  pongMs: limit(10_000, 1_000, 3_600_000),
  // 500 agents that start at once on one machine, each registering with the same key, or refreshing after an outage.
  /** What a principal may spend at once and for each second, in the cost of its calls; 1 for most. Serve mode only. */
  callerBurst: limit(5_000, 10, 10_000_000),
  callerPerSecond: limit(1_000, 1, 10_000_000),
  /** The same for all callers of one address that show no valid credential. */
  addressBurst: limit(5_000, 10, 10_000_000),
  addressPerSecond: limit(100, 1, 10_000_000),
  /** How long a socket may go on with calls that are refused for their rate, in milliseconds, before it is closed. */
  floodMs: limit(3_000, 100, 600_000),
}

type LimitName = keyof typeof shape
export type Limits = { readonly [N in LimitName]: number }

/** `bodyBytes` is set by `MCP_LIMIT_BODY_BYTES`. */
export const variableOf = (name: string): string =>
  `MCP_LIMIT_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** The limits as the environment says, or as they are by default. What is wrong is named by its variable. */
export function readLimits(env: Readonly<Record<string, string | undefined>>): {
  readonly limits: Limits | undefined
  readonly problems: readonly string[]
} {
  const given = Object.fromEntries(Object.keys(shape).map((name) => [name, env[variableOf(name)]]))
  const { data, error } = z.object(shape).safeParse(given)
  const problems = (error?.issues ?? []).map(({ path, message }) => `${variableOf(String(path[0]))}: ${message}`)
  return { limits: data, problems }
}
