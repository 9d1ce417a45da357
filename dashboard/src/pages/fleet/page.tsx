import { Link } from '@tanstack/react-router'
import type { AgentInfo } from '@tony/mcp-client'
import { memo, useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { agentsKey } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { Group } from '../../ui/group.tsx'
import { LeaseLeft } from '../../ui/lease-left.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Status } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import { type FleetRow, runningKey, useFleet } from './use-fleet.ts'

const statuses = ['active', 'draining', 'idle', 'offline'] as const

/** One row for each agent and task, with the state, the progress and the lease. */
export function FleetPage() {
  const { rows, isTruncated, queries } = useFleet()
  const [status, setStatus] = useState<AgentInfo['status'] | undefined>(undefined)
  const [agents, running] = queries
  const countOf = (one: AgentInfo['status']) =>
    new Set(rows?.filter(({ agent }) => agent.status === one).map(({ agent }) => agent.id)).size
  return (
    <section className="page wide">
      <h1>Fleet</h1>
      <Group label="Statuses" className="filters">
        <Button aria-pressed={status === undefined} onClick={() => setStatus(undefined)}>
          All
        </Button>
        {statuses.map((one) => (
          <Button key={one} aria-pressed={status === one} onClick={() => setStatus(one)}>
            {one} {countOf(one)}
          </Button>
        ))}
      </Group>
      <QueryState<unknown> query={running.error ? running : agents} what="the fleet">
        {() => (
          <FleetTable rows={(rows ?? []).filter(({ agent }) => status === undefined || agent.status === status)} />
        )}
      </QueryState>
      {isTruncated ? (
        <p className="muted">
          The project has more agents: <code>tony-mcp agents list</code> lists them all.
        </p>
      ) : null}
    </section>
  )
}

function FleetTable({ rows }: { readonly rows: readonly FleetRow[] }) {
  if (rows.length === 0)
    return (
      <Empty title="No agent is here">
        Connect one: <code>tony-mcp mcp install</code> adds this server to the coding agents of a machine, and{' '}
        <code>tony-mcp run</code> starts a worker.
      </Empty>
    )
  return (
    <Table
      columns={['Agent', 'State', 'Task', 'Elapsed', 'Last progress', 'Attempt', 'Lease left', 'Last activity']}
      hasActs
    >
      {rows.map((row) => (
        <FleetTableRow key={`${row.agent.id} ${row.task?.id ?? ''}`} agent={row.agent} task={row.task} />
      ))}
    </Table>
  )
}

/** A row is drawn again only if its agent or its task has changed, of which a frame has few. */
const FleetTableRow = memo(({ agent, task }: FleetRow) => {
  const percent = task?.percent === undefined ? '' : `${task.percent} % `
  return (
    <tr>
      <th scope="row">
        <Link to="/tasks" search={{ claimedBy: agent.id }} title={agent.id}>
          <AgentText>{agent.name}</AgentText>
        </Link>
      </th>
      <td>
        <Status value={agent.status} />
        {agent.paused ? <Status value="paused" /> : null}
      </td>
      <td className="text">{task ? <TaskLink task={task} /> : null}</td>
      <td>{task?.since ? <Age at={task.since} /> : null}</td>
      <td className="text">
        {percent}
        <AgentText>{task?.progress}</AgentText>
        {task?.progressAt === undefined ? null : (
          <span className="muted">
            {' '}
            <Age at={task.progressAt} /> ago
          </span>
        )}
      </td>
      <td>{task?.attempt}</td>
      <td>{task?.leaseExpiresAt ? <LeaseLeft until={task.leaseExpiresAt} queryKey={runningKey} /> : null}</td>
      <td>
        <Age at={agent.lastActivityAt} />
      </td>
      <td>
        <PauseButton agent={agent} />
      </td>
    </tr>
  )
})

function PauseButton({ agent }: { readonly agent: AgentInfo }) {
  const can = useCan()
  const toggle = useAct({
    run: (client, paused: boolean) =>
      paused ? client.agents.resume({ agent: agent.id }) : client.agents.pause({ agent: agent.id }),
    done: (paused) =>
      paused ? `${agent.name} gets tasks and messages again.` : `${agent.name} gets no tasks and no messages.`,
    outdates: [agentsKey],
  })
  if (!can('agents:run')) return null
  return (
    <Button
      disabled={toggle.isPending}
      aria-label={`${agent.paused ? 'Resume' : 'Pause'} ${agent.name}`}
      onClick={() => toggle.mutate(agent.paused)}
    >
      {agent.paused ? 'Resume' : 'Pause'}
    </Button>
  )
}
