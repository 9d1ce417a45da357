import { useQuery } from '@tanstack/react-query'
import { forgetCredential, saveCredential } from '../session/credential.ts'
import { useCan, useSession } from '../session/session.ts'

/** Names the person's role and project. A developer in dev mode may change the project. */
export function Identity() {
  const { client, whoami, credential } = useSession()
  const isReadOnly = !useCan()('tasks:manage')
  const { data: project } = useQuery({ queryKey: ['project'], queryFn: () => client.projects.get({}) })
  return (
    <span className="identity">
      {whoami.kind === 'developer' ? <ProjectSwitch current={project?.name ?? ''} /> : <b>{project?.name}</b>}
      <span title={whoami.name ?? undefined}>
        {whoami.kind === 'developer' ? 'developer' : whoami.role}
        {isReadOnly ? ' · read-only' : ''}
      </span>
      {credential.token === undefined ? null : (
        <button
          type="button"
          className="plain"
          onClick={() => {
            forgetCredential()
            location.reload()
          }}
        >
          Sign out
        </button>
      )}
    </span>
  )
}

function ProjectSwitch({ current }: { readonly current: string }) {
  const { client } = useSession()
  const { data } = useQuery({ queryKey: ['projects'], queryFn: () => client.projects.list({}) })
  if (!data || data.projects.length < 2) return <b>{current}</b>
  return (
    <select
      aria-label="Project"
      value={current}
      onChange={({ target }) => {
        saveCredential({ project: target.value })
        location.reload()
      }}
    >
      {data.projects.map(({ id, name }) => (
        <option key={id}>{name}</option>
      ))}
    </select>
  )
}
