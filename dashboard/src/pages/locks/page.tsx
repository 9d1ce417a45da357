import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Empty } from '../../ui/empty.tsx'
import { LeaseLeft } from '../../ui/lease-left.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { ReadMore } from '../../ui/read-more.tsx'
import { Table } from '../../ui/table.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import { LockWaitShare } from './lock-wait-share.tsx'
import { type LockHolder, type LockList, type LockQueue, locksKey, useLocks } from './use-locks.ts'

/** Each held lock and each pool: its holders, since when, and the tasks that wait for it. */
export function LocksPage() {
  const query = useLocks()
  return (
    <section className="page wide">
      <h1>Locks and pools</h1>
      <LockWaitShare />
      <QueryState query={query} what="the locks">
        {({ pages }) => (
          <>
            <PoolTable pools={pages.flatMap(({ pools }) => pools)} />
            <LockTable locks={pages.flatMap(({ locks }) => locks)} />
            <ReadMore query={query} />
          </>
        )}
      </QueryState>
    </section>
  )
}

function PoolTable({ pools }: { readonly pools: LockList['pools'] }) {
  if (pools.length === 0) return null
  return (
    <section aria-labelledby="pools">
      <h2 id="pools">Pools</h2>
      <Table columns={['Pool', 'Slots', 'Holders, longest first', 'Waiting']}>
        {pools.map(({ name, size, held, holders, waiting, waiters }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              {held} of {size}
            </td>
            <td className="text">
              {holders.map((holder) => (
                <div key={holder.taskId}>
                  <AgentText>{holder.agentName}</AgentText>:{' '}
                  <TaskLink task={{ id: holder.taskId, title: holder.title }} />, held for <Age at={holder.since} />
                </div>
              ))}
              {size === 0 ? <span className="late">It has no slot, so its tasks wait for a size.</span> : null}
            </td>
            <td className="text">
              <Waiting waiting={waiting} waiters={waiters} />
            </td>
          </tr>
        ))}
      </Table>
    </section>
  )
}

function LockTable({ locks }: { readonly locks: LockList['locks'] }) {
  if (locks.length === 0)
    return (
      <Empty title="No lock is held">
        A task names its locks at its creation, as in <code>locks: ['file:src/auth']</code>. The lease that runs it
        holds them.
      </Empty>
    )
  return (
    <section aria-labelledby="locks">
      <h2 id="locks">Held locks</h2>
      <Table columns={['Lock', 'Holder', 'Task', 'Held for', 'Lease left', 'Waiting']}>
        {locks.map(({ lock, holder, waiting, waiters }) => (
          <LockRow key={lock} lock={lock} holder={holder} waiting={waiting} waiters={waiters} />
        ))}
      </Table>
    </section>
  )
}

const LockRow = ({ lock, holder, waiting, waiters }: LockQueue & { lock: string; holder: LockHolder }) => (
  <tr>
    <th scope="row">
      <code>
        <AgentText>{lock}</AgentText>
      </code>
    </th>
    <td>
      <AgentText>{holder.agentName}</AgentText>
    </td>
    <td className="text">
      <TaskLink task={{ id: holder.taskId, title: holder.title }} />
    </td>
    <td>
      <Age at={holder.since} />
    </td>
    <td>{holder.leaseExpiresAt === null ? null : <LeaseLeft until={holder.leaseExpiresAt} queryKey={locksKey} />}</td>
    <td className="text">
      <Waiting waiting={waiting} waiters={waiters} />
    </td>
  </tr>
)

/** The number of the tasks that wait for a lock, and the first of them. */
function Waiting({ waiting, waiters }: LockQueue) {
  if (waiting === 0) return <span className="muted">nobody</span>
  return (
    <>
      <b>{waiting}</b>
      {waiters.map(({ taskId, title, since }) => (
        <div key={taskId}>
          <TaskLink task={{ id: taskId, title }} /> for <Age at={since} />
        </div>
      ))}
      {waiting > waiters.length ? <div className="muted">and {waiting - waiters.length} more</div> : null}
    </>
  )
}
