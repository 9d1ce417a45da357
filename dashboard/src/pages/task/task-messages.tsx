import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useInvalidation } from '../../data/use-feed.ts'
import { useNames } from '../../data/use-names.ts'
import { useCan, useSession } from '../../session/session.ts'
import { AgentText } from '../../ui/agent-text.tsx'
import { Json } from '../../ui/json.tsx'
import { MessageState } from '../../ui/message-state.tsx'

/** The messages that name the task. */
export function TaskMessages({ taskId }: { readonly taskId: string }) {
  const { client } = useSession()
  const nameOf = useNames()
  const canRead = useCan()('dead_letters:write')
  const key = ['messages', 'task', taskId] as const
  useInvalidation(key, /^message\./, 2_000)
  const { data } = useQuery({
    queryKey: key,
    queryFn: () => client.messages.list({ taskId, limit: 50 }),
    enabled: canRead,
  })
  if (!data || data.messages.length === 0) return null
  return (
    <section>
      <h2>Messages</h2>
      <ul className="cards">
        {data.messages.map((message) => (
          <li key={message.id} className="card">
            <AgentText>{`${nameOf(message.from)} → ${nameOf(message.to)}: ${message.type}`}</AgentText>{' '}
            <MessageState message={message} />
            <Json label="Payload" value={message.payload} />
            {message.threadId === null ? null : (
              <Link to="/messages" search={{ thread: message.threadId }}>
                The thread
              </Link>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
