import { join } from 'node:path'
import pino from 'pino'
import type { Config } from '../config.ts'

export type Log = pino.Logger

/**
 * Creates the log: one line of JSON per record on standard error. Standard output carries the
 * results of commands.
 */
export const createLog = ({ logLevel, logDir }: Pick<Config, 'logLevel' | 'logDir'>): Log =>
  pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      redact: ['token', 'refreshToken', 'leaseToken', 'authorization', '*.token', '*.authorization'],
    },
    pino.destination({ dest: logDir === undefined ? 2 : join(logDir, 'mcp-server.log'), mkdir: true, sync: false }),
  )
