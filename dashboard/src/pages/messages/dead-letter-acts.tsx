import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useAct } from '../../data/use-act.ts'
import { useSession } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { Group } from '../../ui/group.tsx'
import { deadLettersKey } from '../needs-you/use-needs.ts'
import { metricsKey } from '../needs-you/use-needs-count.ts'

/** Number of dead letters of one act, which the server bounds too. */
const limit = 500

interface DeadLetterActsProps {
  /** The agent whose inbox the letters did not reach; undefined for all agents. */
  readonly recipient: string | undefined
}

/**
 * Redrives or deletes the dead letters of the filter. The first click counts them and changes
 * nothing.
 */
export function DeadLetterActs({ recipient }: DeadLetterActsProps) {
  const [isCounting, setCounting] = useState(false)
  if (!isCounting) return <Button onClick={() => setCounting(true)}>Redrive or delete these …</Button>
  return <CountedActs recipient={recipient} onEnd={() => setCounting(false)} />
}

interface CountedActsProps extends DeadLetterActsProps {
  readonly onEnd: () => void
}

/** Acts on the counted dead letters, and on no later ones. */
function CountedActs({ recipient, onEnd }: CountedActsProps) {
  const { client } = useSession()
  const { data } = useQuery({
    queryKey: ['deadLetters', 'count', recipient],
    queryFn: () => client.messages.deadLetters.list({ filter: { to: recipient }, limit }),
    gcTime: 0,
  })
  const outdates = [['messages', 'list'], deadLettersKey, metricsKey]
  const redrive = useAct({
    run: (_, messageIds: string[]) => client.messages.deadLetters.redrive({ filter: { messageIds } }),
    done: () => 'The dead letters are in their inboxes again.',
    outdates,
  })
  const purge = useAct({
    run: (_, messageIds: string[]) => client.messages.deadLetters.purge({ filter: { messageIds } }),
    done: () => 'The dead letters are deleted.',
    outdates,
  })
  if (!data) return <p className="muted">Counting …</p>
  const count = data.nextCursor === null ? `${data.deadLetters.length}` : `the ${limit} oldest ones`
  const counted = data.deadLetters.map(({ id }) => id)
  return (
    <Group label="Dead letters of the filter" className="answer">
      <Button
        kind="primary"
        disabled={redrive.isPending || counted.length === 0}
        onClick={() => redrive.mutate(counted, { onSettled: onEnd })}
      >
        Redrive {count}
      </Button>
      <Button
        kind="danger"
        disabled={purge.isPending || counted.length === 0}
        onClick={() => purge.mutate(counted, { onSettled: onEnd })}
      >
        Delete {count}
      </Button>
      <Button onClick={onEnd}>Leave them</Button>
    </Group>
  )
}
