import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Message } from '@tony/mcp-client'
import { useAgents, useNames } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentOptions } from '../../ui/agent-options.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { toWords } from '../../ui/format.ts'
import { Group } from '../../ui/group.tsx'
import { Json } from '../../ui/json.tsx'
import { MessageState } from '../../ui/message-state.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { ReadMore } from '../../ui/read-more.tsx'
import { Compose } from './compose.tsx'
import { DeadLetterActs } from './dead-letter-acts.tsx'
import type { MessageSearch } from './search.ts'
import { messageStatusNames } from './statuses.ts'
import { useMessages } from './use-messages.ts'

/** All messages, newest first, or one thread: delivered, shown and acted; dead letters too. */
export function MessagesPage() {
  const search = useSearch({ from: '/messages' })
  const can = useCan()
  if (!can('dead_letters:write'))
    return (
      <section className="page">
        <h1>Messages</h1>
        <Empty title="This key does not read the messages of others">
          Sign in with a key of the role tech-lead. The page Fleet and the page Tasks work with this key.
        </Empty>
      </section>
    )
  return (
    <section className="page">
      <h1>{search.thread === undefined ? 'Messages' : 'Thread'}</h1>
      <MessageFilters search={search} />
      {can('messages:send') ? <Compose key={search.thread ?? ''} thread={search.thread} /> : null}
      {search.status === 'dead' && search.thread === undefined ? (
        <DeadLetterActs key={search.agent ?? ''} recipient={search.agent} />
      ) : null}
      <MessageList search={search} />
    </section>
  )
}

function MessageFilters({ search }: { readonly search: MessageSearch }) {
  const navigate = useNavigate()
  const { data } = useAgents()
  const show = (next: MessageSearch) => void navigate({ to: '/messages', search: next })
  if (search.thread !== undefined)
    return (
      <p>
        <code>{search.thread}</code> <Link to="/messages">All messages</Link>
      </p>
    )
  const { status, agent } = search
  const withAgent = agent === undefined ? {} : { agent }
  return (
    <div className="filters">
      <Group label="Statuses" className="filters">
        <Button aria-pressed={status === undefined} onClick={() => show(withAgent)}>
          All
        </Button>
        {messageStatusNames.map((one) => (
          <Button key={one} aria-pressed={status === one} onClick={() => show({ ...withAgent, status: one })}>
            {toWords(one)}
          </Button>
        ))}
      </Group>
      <label>
        {status === 'dead' ? 'Recipient' : 'Agent'}
        <select
          value={agent ?? ''}
          onChange={({ target }) =>
            show({
              ...(status === undefined ? {} : { status }),
              ...(target.value === '' ? {} : { agent: target.value }),
            })
          }
        >
          <AgentOptions agents={data?.agents ?? []} />
        </select>
      </label>
    </div>
  )
}

function MessageList({ search }: { readonly search: MessageSearch }) {
  const query = useMessages(search)
  return (
    <QueryState query={query} what="the messages">
      {({ pages }) => {
        const messages = pages.flatMap((page) => page.messages)
        if (messages.length === 0)
          return (
            <Empty title="No message matches">
              Agents send with <code>messages.send</code>. You send with the form above.
            </Empty>
          )
        return (
          <>
            <ul className="cards" aria-label="Messages">
              {messages.map((message) => (
                <MessageCard key={message.id} message={message} />
              ))}
            </ul>
            <ReadMore query={query} />
          </>
        )
      }}
    </QueryState>
  )
}

function MessageCard({ message }: { readonly message: Message }) {
  const nameOf = useNames()
  return (
    <li className="card">
      <header>
        <b>
          <AgentText>{`${nameOf(message.from)} → ${nameOf(message.to)}`}</AgentText>
        </b>
        <AgentText>{message.type}</AgentText>
        <MessageState message={message} />
        <span className="muted">
          <Age at={message.sentAt} /> ago · {message.priority} · delivery {message.attempt} of {message.maxDeliver}
        </span>
      </header>
      <Json label="Payload" value={message.payload} />
      {message.lastError === null ? null : (
        <p className="refusal">
          <AgentText>{message.lastError}</AgentText>
        </p>
      )}
      {message.taskId === null ? null : (
        <Link to="/tasks/$taskId" params={{ taskId: message.taskId }}>
          The task
        </Link>
      )}{' '}
      {message.threadId === null ? null : (
        <Link to="/messages" search={{ thread: message.threadId }}>
          The thread
        </Link>
      )}
    </li>
  )
}
