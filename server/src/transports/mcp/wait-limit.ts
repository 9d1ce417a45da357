import type { IncomingMessage } from 'node:http'
import { duration } from '@tony/mcp-shared/durations'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { isRecord } from '../../platform/is-record.ts'

/** Header with the longest wait that the host's configuration allows, such as `45s`. */
const waitHeader = 'x-tony-max-wait'

/**
 * The longest wait of a tool by default, and with the header, in milliseconds. Clients and proxies
 * give up after 30 s without a first byte, or after 60 s without the reply.
 */
const defaultWaitMs = 20_000
const longestWaitMs = 50_000

/** Returns the longest wait of a tool. Throws INVALID_INPUT for an unreadable header. */
export function waitLimitOf({ headers }: Pick<IncomingMessage, 'headers'>): number {
  const value = headers[waitHeader]
  if (value === undefined) return defaultWaitMs
  const parsed = duration.safeParse(value)
  if (parsed.success) return Math.min(parsed.data, longestWaitMs)
  const [problem] = parsed.error.issues
  throw new CoordinationError('INVALID_INPUT', `the header X-Tony-Max-Wait ${problem?.message}`)
}

/**
 * Interval of the comments in the reply to a request, in milliseconds; 0 for none. A reply with a
 * wait has no byte before its end: after the first byte some clients do not notice that the server
 * was killed, and wait until their own timeout.
 */
export const commentIntervalOf = (body: unknown): number =>
  isRecord(body) && body['method'] === 'subscriptions/listen' ? 15_000 : 0
