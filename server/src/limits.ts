import { z } from 'zod'

/** Parses a whole number with its default and its range. */
const limitSchema = (fallback: number, minimum: number, maximum: number) =>
  z.coerce.number().int().min(minimum).max(maximum).default(fallback)

const mebibyte = 1_048_576

/** Limits of the server and of each caller. Sizes are in bytes. */
const limitSchemas = {
  bodyBytes: limitSchema(262_144, 1_024, 64 * mebibyte),
  frameBytes: limitSchema(mebibyte, 1_024, 64 * mebibyte),
  /** Unsent bytes of a socket above which its subscriptions pause. */
  socketBufferBytes: limitSchema(mebibyte, 65_536, 64 * mebibyte),
  /** Milliseconds above that size after which the socket is closed as a slow consumer. */
  slowConsumerMs: limitSchema(10_000, 100, 600_000),
  /** Bytes of pages that are read at the same time, over all callers; other reads wait. */
  pageBytes: limitSchema(8 * mebibyte, mebibyte, 1_024 * mebibyte),
  callsInFlight: limitSchema(256, 1, 10_000),
  subscriptions: limitSchema(64, 1, 10_000),
  /** Calls in one WebSocket frame. Clients send at most 500. */
  frameCalls: limitSchema(1_000, 500, 1_000_000),
  /** TCP connections of any kind; more are dropped without a reply. */
  connections: limitSchema(10_000, 1, 1_000_000),
  sockets: limitSchema(5_000, 1, 1_000_000),
  /** New sockets per second, and the burst. Serve mode only. */
  handshakesPerSecond: limitSchema(500, 1, 1_000_000),
  /** Open sockets of one agent. A key has no such limit: many processes may share it. */
  socketsPerAgent: limitSchema(20, 1, 10_000),
  /** Calls in one HTTP batch. */
  httpBatch: limitSchema(20, 1, 1_000),
  /** Milliseconds a new socket has to send its connection params. */
  handshakeMs: limitSchema(5_000, 100, 60_000),
  /** Milliseconds of silence before a ping, and then milliseconds until its pong is due. */
  pingMs: limitSchema(25_000, 1_000, 3_600_000),
  pongMs: limitSchema(10_000, 1_000, 3_600_000),
  // Sized for 500 agents on one machine that start at once with the same key, or refresh at once
  // after an outage.
  /**
   * Burst and rate per second of a principal, in cost units; most calls cost 1. Serve mode only.
   */
  callerBurst: limitSchema(5_000, 10, 10_000_000),
  callerPerSecond: limitSchema(1_000, 1, 10_000_000),
  /** Burst and rate per second for all callers of one address without a valid credential. */
  addressBurst: limitSchema(5_000, 10, 10_000_000),
  addressPerSecond: limitSchema(100, 1, 10_000_000),
  /** Milliseconds a project's writes may wait before more of them are refused. */
  queueMs: limitSchema(1_000, 50, 60_000),
  /** Bytes of the inputs that wait for a writer before more writes are refused. */
  queueBytes: limitSchema(64 * mebibyte, mebibyte, 65_536 * mebibyte),
  /** Milliseconds of continued RATE_LIMITED calls after which the socket is closed. */
  abuseMs: limitSchema(3_000, 100, 600_000),
}

type LimitName = keyof typeof limitSchemas
export type Limits = { readonly [N in LimitName]: number }

/** Returns the environment variable of a limit: `MCP_LIMIT_BODY_BYTES` for `bodyBytes`. */
export const limitVariableOf = (name: string): string =>
  `MCP_LIMIT_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Reads the limits from the environment or their defaults. Each problem names its variable. */
export function readLimits(env: Readonly<Record<string, string | undefined>>): {
  readonly limits: Limits | undefined
  readonly problems: readonly string[]
} {
  const given = Object.fromEntries(Object.keys(limitSchemas).map((name) => [name, env[limitVariableOf(name)]]))
  const { data, error } = z.object(limitSchemas).safeParse(given)
  const problems = (error?.issues ?? []).map(({ path, message }) => `${limitVariableOf(String(path[0]))}: ${message}`)
  return { limits: data, problems }
}
