import { useQuery } from '@tanstack/react-query'
import type { Client } from '@tony/mcp-client'
import { useState } from 'react'
import { useNames } from '../../data/use-names.ts'
import { useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { shortId } from '../../ui/format.ts'
import { Group } from '../../ui/group.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Table } from '../../ui/table.tsx'

/** A row of the audit: a change, or calls that were refused because of their caller. */
interface AuditRow {
  readonly id: string
  readonly at: string
  readonly what: string
  readonly who: string | null
  readonly about: string
}

const pageSize = 100

/** Number of pages of denials that are read to find the newest ones. */
const denialPages = 5

/**
 * Reads the newest changes. The record is oldest first, and its cursor is the number of an event.
 */
async function loadChanges(client: Client): Promise<AuditRow[]> {
  const { events } = await client.system.metrics({})
  const cursor = String(Math.max(0, events - pageSize))
  const { mutations } = await client.audit.list({ of: 'mutations', cursor, limit: pageSize })
  return mutations
    .map(({ seq, at, type, actor, keyId, subject }) => ({
      id: String(seq),
      at,
      what: type,
      who: actor ?? (keyId === null ? null : `key ${keyId}`),
      about: subject === null ? '' : shortId(subject),
    }))
    .toReversed()
}

async function loadDenials(client: Client): Promise<AuditRow[]> {
  let rows: AuditRow[] = []
  let cursor: string | undefined
  for (let page = 0; page < denialPages; page += 1) {
    const reply = await client.audit.list({ of: 'denials', cursor, limit: 1_000 })
    const found = reply.denials.map(({ requestId, at, path, code, subject, address, count }) => ({
      id: requestId,
      at,
      what: `${path}: ${code}${count === 1 ? '' : ` × ${count}`}`,
      who: subject,
      about: address ?? '',
    }))
    rows = [...rows, ...found].slice(-pageSize)
    cursor = reply.cursor
    if (!reply.more) break
  }
  return rows.toReversed()
}

/** The newest changes or denials. It is read when it is opened, because each call adds to it. */
export function AuditTable() {
  const { client } = useSession()
  const nameOf = useNames()
  const [kind, setKind] = useState<'changes' | 'denials'>('changes')
  const query = useQuery({
    queryKey: ['audit', kind],
    staleTime: 0,
    queryFn: () => (kind === 'changes' ? loadChanges(client) : loadDenials(client)),
  })
  return (
    <section aria-labelledby="audit">
      <h2 id="audit">Audit</h2>
      <Group label="Kinds" className="filters">
        <Button aria-pressed={kind === 'changes'} onClick={() => setKind('changes')}>
          Changes
        </Button>
        <Button aria-pressed={kind === 'denials'} onClick={() => setKind('denials')}>
          Refused callers
        </Button>
        <Button onClick={() => void query.refetch()}>Read again</Button>
      </Group>
      <QueryState query={query} what="the audit">
        {(rows) =>
          rows.length === 0 ? <p className="muted">The record is empty.</p> : <AuditRows rows={rows} nameOf={nameOf} />
        }
      </QueryState>
    </section>
  )
}

const AuditRows = ({ rows, nameOf }: { rows: readonly AuditRow[]; nameOf: (id: string | null) => string }) => (
  <Table columns={['When', 'What', 'Who', 'About']}>
    {rows.map(({ id, at, what, who, about }) => (
      <tr key={id}>
        <td>
          <Age at={at} /> ago
        </td>
        <th scope="row">{what}</th>
        <td>
          <AgentText>{nameOf(who)}</AgentText>
        </td>
        <td>{about}</td>
      </tr>
    ))}
  </Table>
)
