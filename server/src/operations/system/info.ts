import { protocolVersion, type systemInfoOutput } from '@tony/mcp-shared/system'
import type { z } from 'zod'
import type { OperationServices } from '../../domain/context.ts'
import { iso } from '../../platform/times.ts'
import { version } from '../../platform/version.ts'

/**
 * `system.info`: describes this server. Every caller may read it, so it contains nothing about
 * others.
 */
export const getSystemInfo = ({
  store,
  config,
  clock,
  startedAt,
}: OperationServices): Promise<z.output<typeof systemInfoOutput>> =>
  store.read(async (reader) => ({
    name: 'tony-mcp',
    version,
    protocolVersion,
    mode: config.mode,
    durability: store.durability,
    now: iso(reader.now),
    uptimeMs: Math.round(clock.monotonic() - startedAt),
  }))
