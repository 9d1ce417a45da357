import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { eventTypes } from '@tony/mcp-shared/event-words'
import { useAgents, useNames } from '../../data/use-names.ts'
import { AgentOptions } from '../../ui/agent-options.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { formatJson, shortId } from '../../ui/format.ts'
import { Table } from '../../ui/table.tsx'
import type { TailRow } from './feed-tail.ts'
import type { FeedSearch } from './search.ts'
import { useTail } from './use-tail.ts'

/** The events as they commit, newest first. */
export function FeedPage() {
  const search = useSearch({ from: '/feed' })
  const { state, pause, resume } = useTail(search)
  const { rows, cursor, isPaused } = state
  return (
    <section className="page wide">
      <h1>Feed</h1>
      <FeedFilters search={search} />
      <p className="heading">
        <span>
          {isPaused ? 'Paused. Nothing is lost: the events in between follow.' : 'Events appear as they commit.'}{' '}
          {cursor === undefined ? null : (
            <span className="muted">
              Cursor <code>{cursor}</code>
            </span>
          )}
        </span>
        <Button onClick={isPaused ? resume : pause}>{isPaused ? 'Go on' : 'Pause'}</Button>
      </p>
      {rows.length === 0 ? (
        <Empty title="No event matches yet">Each change of a task, a message or an agent is an event.</Empty>
      ) : (
        <FeedTable rows={rows} />
      )}
    </section>
  )
}

function FeedFilters({ search }: { readonly search: FeedSearch }) {
  const navigate = useNavigate()
  const { data } = useAgents()
  const { type, agentId, taskId, epic } = search
  const show = (change: { [K in keyof FeedSearch]?: string }) =>
    void navigate({
      to: '/feed',
      search: Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== '')),
    })
  return (
    <div className="filters">
      <label>
        Type
        <select value={type ?? ''} onChange={({ target }) => show({ type: target.value })}>
          <option value="">any</option>
          {eventTypes.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Agent
        <select value={agentId ?? ''} onChange={({ target }) => show({ agentId: target.value })}>
          <AgentOptions agents={data?.agents ?? []} />
        </select>
      </label>
      <label>
        Epic
        <input key={epic} defaultValue={epic ?? ''} onBlur={({ target }) => show({ epic: target.value.trim() })} />
      </label>
      {taskId === undefined ? null : <Button onClick={() => show({ taskId: '' })}>Task {shortId(taskId)} ×</Button>}
    </div>
  )
}

const FeedTable = ({ rows }: { readonly rows: readonly TailRow[] }) => (
  <Table columns={['Number', 'Time', 'Lag', 'Type', 'About', 'By', 'Data']}>
    {rows.map((row) =>
      row.kind === 'event' ? (
        <EventRow key={row.event.seq} row={row} />
      ) : (
        <tr key={`gap ${row.seq} ${row.reason}`} className="gap">
          <td colSpan={7} className="late">
            Gap after event {row.seq}: {row.reason}
          </td>
        </tr>
      ),
    )}
  </Table>
)

/** Number of characters of an event's data in a row. */
const dataLength = 200

function EventRow({ row: { event, lagMs } }: { readonly row: Extract<TailRow, { kind: 'event' }> }) {
  const nameOf = useNames()
  const { seq, at, type, subject, actor, data } = event
  const text = formatJson(data).replaceAll(/\s+/g, ' ')
  return (
    <tr>
      <td>{seq}</td>
      <td>
        <time dateTime={at}>{new Date(at).toLocaleTimeString('en', { hour12: false })}</time>
      </td>
      <td>{lagMs === null ? null : `${lagMs} ms`}</td>
      <th scope="row">{type}</th>
      <td>
        {subject === null ? null : type.startsWith('task.') ? (
          <Link to="/tasks/$taskId" params={{ taskId: subject }}>
            {shortId(subject)}
          </Link>
        ) : (
          shortId(subject)
        )}
      </td>
      <td>
        <AgentText>{actor === null ? 'server or operator' : nameOf(actor)}</AgentText>
      </td>
      <td className="text">
        <AgentText>{text.length > dataLength ? `${text.slice(0, dataLength)} …` : text}</AgentText>
      </td>
    </tr>
  )
}
