import { type FormEvent, useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useAgents } from '../../data/use-names.ts'
import { Button } from '../../ui/button.tsx'

interface MessageDraft {
  readonly to: string
  readonly text: string
  readonly mode: 'steer' | 'boundary'
}

const empty: MessageDraft = { to: '', text: '', mode: 'boundary' }

/** Sends a message as the operator: to an agent, a role, a topic or everyone. */
export function Compose({ thread }: { readonly thread: string | undefined }) {
  const [draft, setDraft] = useState(empty)
  const send = useAct({
    run: (client, { to, text, mode }: MessageDraft) =>
      client.messages.send({ to, type: 'note', payload: { text }, mode, threadId: thread }),
    done: ({ to }) => `The message to ${to} is stored in its inbox.`,
    outdates: [['messages', 'list']],
  })
  const change = (part: Partial<MessageDraft>) => setDraft((current) => ({ ...current, ...part }))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send.mutate(draft, { onSuccess: () => change({ text: '' }) })
  }
  return (
    <details>
      <summary>Send a message</summary>
      <form className="answer" onSubmit={submit}>
        <RecipientInput value={draft.to} onChange={(to) => change({ to })} />
        <textarea
          aria-label="Text"
          placeholder="Text"
          rows={2}
          value={draft.text}
          onChange={({ target }) => change({ text: target.value })}
        />
        <label>
          <input
            type="checkbox"
            checked={draft.mode === 'steer'}
            onChange={({ target }) => change({ mode: target.checked ? 'steer' : 'boundary' })}
          />{' '}
          at once, also to an idle session
        </label>
        <Button type="submit" kind="primary" disabled={send.isPending || draft.to === '' || draft.text === ''}>
          Send
        </Button>
      </form>
    </details>
  )
}

interface RecipientInputProps {
  readonly value: string
  readonly onChange: (value: string) => void
}

function RecipientInput({ value, onChange }: RecipientInputProps) {
  const { data } = useAgents()
  return (
    <>
      <input
        aria-label="To"
        placeholder="Agent, role:tester, topic:name or *"
        list="recipients"
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
      <datalist id="recipients">
        <option value="*" />
        <option value="role:tech-lead" />
        {data?.agents.map(({ id, name }) => (
          <option key={id} value={name} />
        ))}
      </datalist>
    </>
  )
}
