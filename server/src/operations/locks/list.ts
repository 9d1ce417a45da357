import { lockKindOf, type lockListInput, type lockListOutput, lockRowTasks } from '@tony/mcp-shared/locks'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import type { Reader } from '../../store/store.ts'
import { findExclusiveHolders, findPools, findSlotHolders, type HolderRow, namesOfAgents } from './holders.ts'
import { queueOf } from './queues.ts'

type Output = z.output<typeof lockListOutput>
type Holder = Output['locks'][number]['holder']

const toHolder = (row: HolderRow, names: ReadonlyMap<string, string>): Holder => ({
  taskId: row.taskId,
  title: row.title,
  agentId: row.agentId,
  agentName: names.get(row.agentId ?? '') ?? 'an unknown agent',
  since: iso(row.since),
  leaseExpiresAt: isoOrNull(row.leaseExpiresAt),
})

async function readPools(reader: Reader, project: string): Promise<Output['pools']> {
  const pools: Output['pools'] = []
  for (const { name, size, held } of await reader.run(findPools, { project })) {
    const lock = `pool:${name}`
    const holders = held === 0 ? [] : await reader.run(findSlotHolders, { project, lock, limit: lockRowTasks })
    const names = await namesOfAgents(reader, holders)
    pools.push({
      name,
      size,
      held,
      holders: holders.map((holder) => toHolder(holder, names)),
      ...(await queueOf(reader, project, lock)),
    })
  }
  return pools
}

/**
 * `locks.list`: the held locks and the pools, with their holders and the tasks that wait for them.
 * It reads a bounded number of tasks for each lock, because thousands may wait for one.
 */
export const listLocks = (ctx: Context, { limit, cursor }: z.output<typeof lockListInput>): Promise<Output> =>
  ctx.read(async (reader) => {
    const { project } = ctx.principal
    const found = await reader.run(findExclusiveHolders, { project, after: cursor ?? '', limit: limit + 1 })
    const page = found.slice(0, limit)
    const names = await namesOfAgents(reader, page)
    const locks: Output['locks'] = []
    for (const row of page) {
      const kind = lockKindOf(row.lock) === 'path' ? 'path' : 'key'
      locks.push({ lock: row.lock, kind, holder: toHolder(row, names), ...(await queueOf(reader, project, row.lock)) })
    }
    return {
      pools: cursor === undefined ? await readPools(reader, project) : [],
      locks,
      nextCursor: found.length > limit ? (page.at(-1)?.lock ?? null) : null,
    }
  })
