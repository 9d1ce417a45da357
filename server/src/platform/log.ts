import { join } from 'node:path'
import pino from 'pino'
import type { Config } from '../config.ts'

export type Log = pino.Logger

/** One line of JSON a record, on standard error: standard output belongs to whoever asked for something. */
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
