import { useQuery } from '@tanstack/react-query'
import { useAct } from '../../data/use-act.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { Button } from '../../ui/button.tsx'
import { QueryState } from '../../ui/query-state.tsx'

const sessionsKey = ['auth', 'sessions'] as const

/** The newest sessions that are open. */
export function SessionTable() {
  const { client } = useSession()
  const can = useCan()
  useInvalidation(sessionsKey, /^(session\.|agent\.(registered|unregistered)|key\.revoked)/, 2_000)
  const query = useQuery({ queryKey: sessionsKey, queryFn: () => client.auth.sessions.list({ limit: 100 }) })
  const revoke = useAct({
    run: (client, { sessionId }: { sessionId: string; name: string }) => client.auth.revoke({ sessionId }),
    done: ({ name }) => `The session of ${name} has ended.`,
    outdates: [sessionsKey],
  })
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">Newest 100 sessions</h2>
      <QueryState query={query} what="the sessions">
        {({ sessions }) => (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Agent</th>
                  <th scope="col">Incarnation</th>
                  <th scope="col">Key</th>
                  <th scope="col">Login</th>
                  <th scope="col">Last refresh</th>
                  <th scope="col">
                    <span className="hidden">Acts</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {sessions.map(({ sessionId, name, incarnation, keyId, createdAt, lastRefreshedAt }) => (
                  <tr key={sessionId}>
                    <th scope="row">{name}</th>
                    <td>{incarnation}</td>
                    <td>{keyId === null ? 'none, in dev mode' : <code>{keyId}</code>}</td>
                    <td>
                      <Age at={createdAt} /> ago
                    </td>
                    <td>
                      <Age at={lastRefreshedAt} /> ago
                    </td>
                    <td>
                      {can('sessions:revoke') ? (
                        <Button
                          aria-label={`End the session of ${name}`}
                          disabled={revoke.isPending}
                          onClick={() => revoke.mutate({ sessionId, name })}
                        >
                          End
                        </Button>
                      ) : null}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </QueryState>
    </section>
  )
}
