import type { Client } from '@tony/mcp-client'
import type { Command } from 'commander'
import { formatMs } from '../output/cells.ts'
import { now } from '../timer.ts'
import { addList, type Page, type PageRequest } from './list.ts'

interface LockRow {
  readonly lock: string
  /** The task that holds it; null for a pool in itself. */
  readonly taskId: string | null
  readonly title: string | null
  readonly agentId: string | null
  readonly leaseExpiresAt: string | null
  /** Number of slots of a pool, and of the taken ones. */
  readonly size: number | null
  readonly held: number | null
}

async function loadPools(client: Client): Promise<LockRow[]> {
  const { pools } = await client.projects.get({})
  const nobody = { taskId: null, title: null, agentId: null, leaseExpiresAt: null }
  return Object.entries(pools).map(([pool, { size, held }]) => ({ lock: `pool:${pool}`, ...nobody, size, held }))
}

/** Reads the pools, and the locks that running tasks were created with. */
async function loadLocks(client: Client, { limit, cursor }: PageRequest): Promise<Page<LockRow>> {
  const { tasks, nextCursor } = await client.tasks.list({ status: 'in_progress', limit, cursor })
  const held = tasks.flatMap(({ id, title, claimedBy, leaseExpiresAt, locks }) =>
    locks.map((lock) => ({ lock, taskId: id, title, agentId: claimedBy, leaseExpiresAt, size: null, held: null })),
  )
  return { rows: cursor === undefined ? [...(await loadPools(client)), ...held] : held, nextCursor }
}

/** Adds `tony-mcp locks`. */
export function addLockCommand(tony: Command): void {
  addList<LockRow, object>(tony, {
    name: 'locks',
    description: '',
    load: loadLocks,
    agentsOf: ({ agentId }) => [agentId],
    columns: (names) => ({
      lock: ({ lock }) => lock,
      held: ({ size, held }) => (size === null ? null : `${held} of ${size}`),
      agent: ({ agentId }) => names.of(agentId),
      lease: ({ leaseExpiresAt }) => (leaseExpiresAt === null ? null : formatMs(Date.parse(leaseExpiresAt) - now())),
      task: ({ taskId }) => taskId,
      title: ({ title }) => title,
    }),
    none: 'no locks and no pools',
  })
}
