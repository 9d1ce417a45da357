import type { wakeGiveUpInput, wakeGiveUpOutput } from '@tony/mcp-shared/wakes'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { endWake } from '../../domain/wakes/end-wakes.ts'
import { openWakesOf } from '../../domain/wakes/open-wakes.ts'

/** `wakes.giveUp`: every provider was tried without a sign of the session. */
export function giveUpWake(
  ctx: Context,
  { wakeIds }: z.output<typeof wakeGiveUpInput>,
): Promise<z.output<typeof wakeGiveUpOutput>> {
  const agentId = requireAgent(ctx.principal).id
  const wanted = new Set(wakeIds)
  return ctx.transact(async (tx) => {
    const ended: string[] = []
    for (const { id } of (await openWakesOf(tx, agentId)).filter((row) => wanted.has(row.id)))
      if (await endWake(tx, id, 'unavailable')) ended.push(id)
    return { wakeIds: ended }
  })
}
