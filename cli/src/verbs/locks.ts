import type { Client } from '@tony/mcp-client'
import type { Command } from 'commander'
import { formatAge, formatMs } from '../output/cells.ts'
import { now } from '../timer.ts'
import { addList, type Page, type PageRequest } from './list.ts'

interface LockRow {
  readonly lock: string
  /** The task that holds it; null for a pool in itself. */
  readonly taskId: string | null
  readonly title: string | null
  readonly agentId: string | null
  readonly agentName: string | null
  readonly since: string | null
  readonly leaseExpiresAt: string | null
  /** Number of slots of a pool, and of the taken ones. */
  readonly size: number | null
  readonly held: number | null
  /** Number of tasks that wait for it, at most 1 000. */
  readonly waiting: number
}

type LockList = Awaited<ReturnType<Client['locks']['list']>>

const toPoolRow = ({ name, size, held, waiting }: LockList['pools'][number]): LockRow => ({
  lock: `pool:${name}`,
  taskId: null,
  title: null,
  agentId: null,
  agentName: null,
  since: null,
  leaseExpiresAt: null,
  size,
  held,
  waiting,
})

async function loadLocks(client: Client, { limit, cursor }: PageRequest): Promise<Page<LockRow>> {
  const { pools, locks, nextCursor } = await client.locks.list({ limit, cursor })
  const rows = locks.map(({ lock, holder, waiting }) => ({ lock, ...holder, size: null, held: null, waiting }))
  return { rows: [...pools.map(toPoolRow), ...rows], nextCursor }
}

/** Adds `tony-mcp locks`. */
export function addLockCommand(tony: Command): void {
  addList<LockRow, object>(tony, {
    name: 'locks',
    description: '',
    load: loadLocks,
    maxPage: 100,
    columns: () => ({
      lock: ({ lock }) => lock,
      held: ({ size, held }) => (size === null ? null : `${held} of ${size}`),
      agent: ({ agentName }) => agentName,
      since: ({ since }) => formatAge(since),
      lease: ({ leaseExpiresAt }) => (leaseExpiresAt === null ? null : formatMs(Date.parse(leaseExpiresAt) - now())),
      waiting: ({ waiting }) => waiting,
      task: ({ taskId }) => taskId,
      title: ({ title }) => title,
    }),
    none: 'no locks and no pools',
  })
}
