import pino from 'pino'
import type { Config } from './config.ts'

export type Log = pino.Logger

/** One line of JSON a record, on standard error: standard output belongs to whoever asked for something. */
export const createLog = ({ logLevel }: Pick<Config, 'logLevel'>): Log =>
  pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      redact: ['token', 'refreshToken', 'leaseToken', 'authorization', '*.token', '*.authorization'],
    },
    pino.destination({ dest: 2, sync: false }),
  )
