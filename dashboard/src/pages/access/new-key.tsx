import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Client } from '@tony/mcp-client'
import { type FormEvent, useState } from 'react'
import { linkOf } from '../../session/credential.ts'
import { useSession } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { toErrorText } from '../../ui/error-text.ts'
import { keysKey } from './keys-key.ts'

type KeyInput = Parameters<Client['auth']['keys']['create']>[0]

/** The purposes of a new key, with the scopes and the role that they need. */
const purposes = {
  observer: { title: 'Read-only link to this dashboard', scopes: ['*'], roleCeiling: 'observer' },
  lead: { title: 'Operator of this dashboard', scopes: ['*'], roleCeiling: 'tech-lead' },
  agents: { title: 'Enrolment of agents', scopes: ['agents:register'], roleCeiling: 'developer' },
} as const satisfies Record<string, { title: string } & Pick<KeyInput, 'scopes' | 'roleCeiling'>>

type Purpose = keyof typeof purposes
const isPurpose = (value: string): value is Purpose => Object.hasOwn(purposes, value)

const dayMs = 86_400_000

/** Makes a key. Its secret is shown this once, for a dashboard as a link that can be shared. */
export function NewKey() {
  const { client } = useSession()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [purpose, setPurpose] = useState<Purpose>('observer')
  const create = useMutation({
    mutationFn: () => {
      const { scopes, roleCeiling } = purposes[purpose]
      return client.auth.keys.create({ name, scopes, roleCeiling, lifeMs: 30 * dayMs })
    },
    onSettled: () => queries.invalidateQueries({ queryKey: keysKey }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  return (
    <section className="card" aria-labelledby="new-key">
      <h2 id="new-key">New key for 30 days</h2>
      <form className="filters" onSubmit={submit}>
        <label>
          Name
          <input required maxLength={200} value={name} onChange={({ target }) => setName(target.value)} />
        </label>
        <PurposeSelect
          purpose={purpose}
          onChoose={(next) => {
            setPurpose(next)
            create.reset()
          }}
        />
        <Button type="submit" kind="primary" disabled={create.isPending}>
          Make the key
        </Button>
      </form>
      {create.error ? (
        <p role="alert" className="refusal">
          {toErrorText(create.error)}
        </p>
      ) : null}
      {create.data ? <Secret secret={create.data.key} purpose={purpose} /> : null}
    </section>
  )
}

interface PurposeSelectProps {
  readonly purpose: Purpose
  readonly onChoose: (purpose: Purpose) => void
}

const PurposeSelect = ({ purpose, onChoose }: PurposeSelectProps) => (
  <label>
    Purpose
    <select
      value={purpose}
      onChange={({ target }) => {
        if (isPurpose(target.value)) onChoose(target.value)
      }}
    >
      {Object.entries(purposes).map(([value, { title }]) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </select>
  </label>
)

const Secret = ({ secret, purpose }: { readonly secret: string; readonly purpose: Purpose }) => (
  <div role="status">
    <p>The server keeps only a hash of it: copy it now.</p>
    <pre>{purpose === 'agents' ? secret : linkOf(secret, '/')}</pre>
  </div>
)
