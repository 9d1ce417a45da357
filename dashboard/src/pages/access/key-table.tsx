import { useQuery } from '@tanstack/react-query'
import type { Api } from '@tony/mcp-client'
import { useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { Button } from '../../ui/button.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Table } from '../../ui/table.tsx'
import { keysKey } from './keys-key.ts'

type Key = Awaited<ReturnType<Api['auth']['keys']['list']>>['keys'][number]

export function KeyTable() {
  const { client } = useSession()
  useInvalidation(keysKey, /^key\./, 1_000)
  const query = useQuery({ queryKey: keysKey, queryFn: () => client.auth.keys.list({ all: true, limit: 200 }) })
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      <QueryState query={query} what="the keys">
        {({ keys }) =>
          keys.length === 0 ? (
            <p className="muted">There is no key. The form above makes one.</p>
          ) : (
            <Table columns={['Name', 'Id', 'Highest role', 'Scopes', 'Agents', 'Last use', 'State']} hasActs>
              {keys.map((key) => (
                <KeyRow key={key.keyId} apiKey={key} />
              ))}
            </Table>
          )
        }
      </QueryState>
    </section>
  )
}

const KeyRow = ({ apiKey: key }: { readonly apiKey: Key }) => (
  <tr>
    <th scope="row">{key.name}</th>
    <td>
      <code>{key.keyId}</code>
    </td>
    <td>{key.roleCeiling}</td>
    <td className="text">{key.scopes.join(', ')}</td>
    <td>
      {key.uses}
      {key.maxUses === null ? '' : ` of ${key.maxUses}`}
    </td>
    <td>
      {key.lastUsedAt === null ? (
        'never'
      ) : (
        <>
          <Age at={key.lastUsedAt} /> ago
        </>
      )}
    </td>
    <td>
      {key.revokedAt === null ? (
        <span className="muted">until {new Date(key.expiresAt).toLocaleDateString('en')}</span>
      ) : (
        <span className="late">revoked</span>
      )}
    </td>
    <td>{key.revokedAt === null ? <RevokeKey apiKey={key} /> : null}</td>
  </tr>
)

/** Revokes a key. The second click confirms, because it cannot be undone. */
function RevokeKey({ apiKey }: { readonly apiKey: Key }) {
  const can = useCan()
  const [isAsking, setAsking] = useState(false)
  const revoke = useAct({
    run: (client, keyId: string) => client.auth.keys.revoke({ keyId }),
    done: () => `The key ${apiKey.name} is revoked, and every session of its agents has ended.`,
    outdates: [keysKey],
  })
  if (!can('keys:write')) return null
  if (!isAsking)
    return (
      <Button aria-label={`Revoke ${apiKey.name}`} onClick={() => setAsking(true)}>
        Revoke
      </Button>
    )
  return (
    <>
      <Button kind="danger" disabled={revoke.isPending} onClick={() => revoke.mutate(apiKey.keyId)}>
        End it and the sessions of its {apiKey.uses} agents
      </Button>{' '}
      <Button onClick={() => setAsking(false)}>Keep</Button>
    </>
  )
}
