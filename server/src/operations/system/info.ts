import { protocolVersion, type systemInfoOutput } from '@tony/mcp-shared/system'
import type { z } from 'zod'
import type { Services } from '../../domain/context.ts'
import { iso } from '../../platform/times.ts'
import { version } from '../../platform/version.ts'

/** `system.info`: what this server is. Open to everyone, so it says nothing about anyone. */
export const systemInfo = (parts: Services): Promise<z.output<typeof systemInfoOutput>> =>
  parts.store.read(async (reader) => ({
    name: 'tony-mcp',
    version,
    protocolVersion,
    mode: parts.config.mode,
    durability: parts.store.durability,
    now: iso(reader.now),
    uptimeMs: Math.round(parts.clock.monotonic() - parts.startedAt),
  }))
