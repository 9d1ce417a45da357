import { useCan } from '../../session/session.ts'
import { Empty } from '../../ui/empty.tsx'
import { AuditTable } from './audit-table.tsx'
import { KeyTable } from './key-table.tsx'
import { NewKey } from './new-key.tsx'
import { SessionTable } from './session-table.tsx'

/** The keys, the sessions and the audit record. Each part needs its own permission. */
export function AccessPage() {
  const can = useCan()
  if (!can('sessions:read'))
    return (
      <section className="page">
        <h1>Access</h1>
        <Empty title="This key does not read sessions and keys">
          Sign in with a key of the role tech-lead for sessions and the audit, or admin for keys.
        </Empty>
      </section>
    )
  return (
    <section className="page wide">
      <h1>Access</h1>
      {can('keys:write') ? <NewKey /> : null}
      {can('keys:read') ? <KeyTable /> : <p className="muted">Keys need the role admin.</p>}
      <SessionTable />
      {can('audit:read') ? <AuditTable /> : null}
    </section>
  )
}
