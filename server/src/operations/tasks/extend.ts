import type { taskExtendInput, taskExtendOutput } from '@tony/mcp-shared/leases'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { extendLeaseIn } from '../../domain/tasks/extend-lease.ts'
import { leaseSerialKeyOf, refuseLease } from '../../domain/tasks/lease.ts'
import { iso } from '../../platform/times.ts'

export const extendLease = (
  ctx: Context,
  input: z.output<typeof taskExtendInput>,
): Promise<z.output<typeof taskExtendOutput>> =>
  ctx.transact(
    async (tx) => {
      const leaseExpiresAt = await extendLeaseIn(tx, ctx.principal, input)
      if (leaseExpiresAt === undefined) return refuseLease(tx, ctx.principal.project, input.taskId)
      return { taskId: input.taskId, leaseExpiresAt: iso(leaseExpiresAt) }
    },
    { serialKeys: [leaseSerialKeyOf(input.taskId)] },
  )
