import type { FeedEvent } from '@tony/mcp-client'
import { type EventFields, fieldsOf } from '../../data/patch-task.ts'
import { useNames } from '../../data/use-names.ts'
import { AgentText } from '../../ui/agent-text.tsx'
import { toWords } from '../../ui/format.ts'
import { QueryState } from '../../ui/query-state.tsx'
import { ReadMore } from '../../ui/read-more.tsx'
import { useHistory } from './use-task.ts'

/** Returns the text of an event's data that people read, such as a question or an error. */
function noteOf({ message, question, error, percent }: EventFields): string {
  const parts = [typeof percent === 'number' ? `${percent} %` : undefined, question, error, message]
  return parts.filter((part) => typeof part === 'string').join(' ')
}

/** The events of the task in their order, attempt by attempt. */
export function Timeline({ taskId }: { readonly taskId: string }) {
  const { query, events } = useHistory(taskId)
  const attempts = Map.groupBy(events, (event) => Number(fieldsOf(event).attempt ?? 0))
  return (
    <section>
      <h2>Timeline</h2>
      <QueryState query={query} what="the events">
        {() =>
          [...attempts].map(([attempt, own]) => (
            <section key={attempt} aria-label={attempt === 0 ? 'Outside an attempt' : `Attempt ${attempt}`}>
              <h3>{attempt === 0 ? 'Outside an attempt' : `Attempt ${attempt}`}</h3>
              <ol className="timeline">
                {own.map((event) => (
                  <TimelineEntry key={event.seq} event={event} />
                ))}
              </ol>
            </section>
          ))
        }
      </QueryState>
      <ReadMore query={query}>Read later events</ReadMore>
    </section>
  )
}

function TimelineEntry({ event }: { readonly event: FeedEvent }) {
  const nameOf = useNames()
  const { agentId } = fieldsOf(event)
  const who = typeof agentId === 'string' ? agentId : event.actor
  return (
    <li>
      <time dateTime={event.at} className="muted">
        {new Date(event.at).toLocaleString()}
      </time>{' '}
      <b>{toWords(event.type.replace(/^task\./, ''))}</b> {who === null ? '' : `by ${nameOf(who)}`}{' '}
      <AgentText>{noteOf(fieldsOf(event))}</AgentText>
    </li>
  )
}
