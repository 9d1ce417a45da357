import { useQuery } from '@tanstack/react-query'
import type { Api } from '@tony/mcp-client'
import { useAct } from '../../data/use-act.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Table } from '../../ui/table.tsx'

type OpenSession = Awaited<ReturnType<Api['auth']['sessions']['list']>>['sessions'][number]

const sessionsKey = ['auth', 'sessions'] as const

/** The newest sessions that are open. */
export function SessionTable() {
  const { client } = useSession()
  useInvalidation(sessionsKey, /^(session\.|agent\.(registered|unregistered)|key\.revoked)/, 2_000)
  const query = useQuery({ queryKey: sessionsKey, queryFn: () => client.auth.sessions.list({ limit: 100 }) })
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">Newest 100 sessions</h2>
      <QueryState query={query} what="the sessions">
        {({ sessions }) => (
          <Table columns={['Agent', 'Incarnation', 'Key', 'Login', 'Last refresh']} hasActs>
            {sessions.map((session) => (
              <SessionRow key={session.sessionId} session={session} />
            ))}
          </Table>
        )}
      </QueryState>
    </section>
  )
}

const SessionRow = ({ session }: { readonly session: OpenSession }) => (
  <tr>
    <th scope="row">
      <AgentText>{session.name}</AgentText>
    </th>
    <td>{session.incarnation}</td>
    <td>{session.keyId === null ? 'none, in dev mode' : <code>{session.keyId}</code>}</td>
    <td>
      <Age at={session.createdAt} /> ago
    </td>
    <td>
      <Age at={session.lastRefreshedAt} /> ago
    </td>
    <td>
      <EndSession session={session} />
    </td>
  </tr>
)

function EndSession({ session: { sessionId, name } }: { readonly session: OpenSession }) {
  const can = useCan()
  const revoke = useAct<undefined>({
    run: (client) => client.auth.revoke({ sessionId }),
    done: () => `The session of ${name} has ended.`,
    outdates: [sessionsKey],
  })
  if (!can('sessions:revoke')) return null
  return (
    <Button
      aria-label={`End the session of ${name}`}
      disabled={revoke.isPending}
      onClick={() => revoke.mutate(undefined)}
    >
      End
    </Button>
  )
}
