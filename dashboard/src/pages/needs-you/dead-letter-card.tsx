import type { DeadLetter } from '@tony/mcp-client'
import { useAct } from '../../data/use-act.ts'
import { useNames } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { toWords } from '../../ui/format.ts'
import { Json } from '../../ui/json.tsx'
import { deadLettersKey } from './use-needs.ts'
import { metricsKey } from './use-needs-count.ts'

/** A message that was given up, with every failed delivery. */
export function DeadLetterCard({ letter }: { readonly letter: DeadLetter }) {
  const nameOf = useNames()
  const can = useCan()
  const filter = { messageIds: [letter.id] }
  const redrive = useAct({
    run: (client, _: undefined) => client.messages.deadLetters.redrive({ filter }),
    done: () => 'The message is in the inbox again.',
    outdates: [deadLettersKey, metricsKey],
  })
  const purge = useAct({
    run: (client, _: undefined) => client.messages.deadLetters.purge({ filter }),
    done: () => 'The message is deleted.',
    outdates: [deadLettersKey, metricsKey],
  })
  return (
    <Card kind="Dead letter" title={<AgentText>{letter.type}</AgentText>} at={letter.endedAt ?? letter.sentAt}>
      <p className="muted">
        from {nameOf(letter.from)} to {nameOf(letter.to)}, {letter.attempt} of {letter.maxDeliver} deliveries
      </p>
      <ul>
        {letter.failures.map(({ attempt, reason, error }) => (
          <li key={`${attempt} ${reason}`}>
            {toWords(reason)}
            {error === null ? null : (
              <>
                : <AgentText>{error}</AgentText>
              </>
            )}
          </li>
        ))}
      </ul>
      <Json label="Payload" value={letter.payload} />
      {can('dead_letters:write') ? (
        <div className="answer">
          <Button kind="primary" disabled={redrive.isPending} onClick={() => redrive.mutate(undefined)}>
            Redrive
          </Button>
          <Button kind="danger" disabled={purge.isPending} onClick={() => purge.mutate(undefined)}>
            Delete
          </Button>
        </div>
      ) : null}
    </Card>
  )
}
