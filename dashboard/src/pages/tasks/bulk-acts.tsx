import { useQuery } from '@tanstack/react-query'
import type { Client } from '@tony/mcp-client'
import { useState } from 'react'
import type { TaskFilters } from '../../data/task-pages.ts'
import { useAct } from '../../data/use-act.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { formatCount } from '../../ui/format.ts'
import { Group } from '../../ui/group.tsx'
import { metricsKey } from '../needs-you/use-needs-count.ts'

type BulkFilter = Omit<TaskFilters, 'claimedBy'>
type Bulk = 'cancel' | 'retry'

/** Limits of a count, and of the calls of one act. Each call changes at most 500 tasks. */
const limits = { countPages: 10, pageSize: 500, calls: 40 } as const

const isEnded = ({ status }: BulkFilter): boolean => status === 'completed' || status === 'cancelled'

/** Returns the acts that the tasks of a filter may allow. */
const bulksOf = (filter: BulkFilter): readonly Bulk[] => {
  if (isEnded(filter)) return []
  if (filter.status === 'failed') return ['retry']
  return filter.status === undefined ? ['cancel', 'retry'] : ['cancel']
}

/** Counts the tasks that an act would change, and changes none. */
async function countTasks(client: Client, filter: BulkFilter, bulk: Bulk): Promise<string> {
  let count = 0
  let cursor: string | undefined
  for (let page = 0; page < limits.countPages; page += 1) {
    const { tasks, nextCursor } = await client.tasks.list({ ...filter, limit: limits.pageSize, cursor })
    count += tasks.filter(({ status }) =>
      bulk === 'retry' ? status === 'failed' : !/^(completed|failed|cancelled)$/.test(status),
    ).length
    if (nextCursor === null) return formatCount(count)
    cursor = nextCursor
  }
  return `${formatCount(count)} or more`
}

/** Changes the tasks of a filter, some at a time, and returns their number. */
async function changeTasks(client: Client, filter: BulkFilter, bulk: Bulk): Promise<number> {
  let changed = 0
  for (let call = 0; call < limits.calls; call += 1) {
    const { taskIds, more } =
      bulk === 'cancel'
        ? await client.tasks.cancelMany({ filter, reason: 'cancelled by filter at the dashboard' })
        : await client.tasks.retryMany({ filter })
    changed += taskIds.length
    if (!more) return changed
  }
  return changed
}

/** Cancels or retries the tasks of the filters, after a count that changes nothing. */
export function BulkActs({ filters }: { readonly filters: TaskFilters }) {
  const can = useCan()
  const [bulk, setBulk] = useState<Bulk | undefined>(undefined)
  const { claimedBy, ...filter } = filters
  const isFiltered = Object.values(filter).some((value) => value !== undefined)
  const bulks = bulksOf(filter).filter((one) => can(one === 'cancel' ? 'tasks:cancel' : 'tasks:manage'))
  if (!isFiltered || claimedBy !== undefined || bulks.length === 0) return null
  if (bulk !== undefined) return <BulkConfirmation filter={filter} bulk={bulk} onEnd={() => setBulk(undefined)} />
  return (
    <Group label="Acts on the tasks of the filters" className="answer">
      {bulks.map((one) => (
        <Button key={one} onClick={() => setBulk(one)}>
          {one === 'cancel' ? 'Cancel these …' : 'Retry the failed ones …'}
        </Button>
      ))}
    </Group>
  )
}

interface BulkConfirmationProps {
  readonly filter: BulkFilter
  readonly bulk: Bulk
  readonly onEnd: () => void
}

function BulkConfirmation({ filter, bulk, onEnd }: BulkConfirmationProps) {
  const { client } = useSession()
  const { data: count } = useQuery({
    queryKey: ['tasks', 'count', bulk, filter],
    queryFn: () => countTasks(client, filter, bulk),
    gcTime: 0,
  })
  const act = useAct({
    run: (_, __: undefined) => changeTasks(client, filter, bulk),
    done: () => (bulk === 'cancel' ? 'The tasks are cancelled.' : 'The tasks are in the queue again.'),
    outdates: [metricsKey],
  })
  if (count === undefined) return <p className="muted">Counting …</p>
  return (
    <Group label="Confirmation" className="answer">
      <Button
        kind={bulk === 'cancel' ? 'danger' : 'primary'}
        disabled={act.isPending || count === '0'}
        onClick={() => act.mutate(undefined, { onSettled: onEnd })}
      >
        {bulk === 'cancel' ? 'Cancel' : 'Retry'} {count} tasks
      </Button>
      <Button onClick={onEnd}>Leave them</Button>
    </Group>
  )
}
