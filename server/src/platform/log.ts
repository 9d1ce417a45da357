import { join } from 'node:path'
import pino from 'pino'
import type { Config } from '../config.ts'
import { LogDestination } from './log-destination.ts'
import { toLoggedError } from './log-error.ts'

export type Log = pino.Logger

/** Opens the output of the log: a file in `logDir`, or standard error. */
export const openLogDestination = (
  { logDir }: Pick<Config, 'logDir'>,
  onDrop: () => void = () => undefined,
): LogDestination => new LogDestination(logDir === undefined ? undefined : join(logDir, 'mcp-server.log'), onDrop)

/**
 * Creates the log: one line of JSON per record on standard error. Standard output carries the
 * results of commands.
 */
export const createLog = (
  config: Pick<Config, 'logLevel' | 'logDir'>,
  destination: LogDestination = openLogDestination(config),
): Log =>
  pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: (error: unknown) => toLoggedError(error) },
      redact: ['token', 'refreshToken', 'leaseToken', 'authorization', '*.token', '*.authorization'],
    },
    destination,
  )
