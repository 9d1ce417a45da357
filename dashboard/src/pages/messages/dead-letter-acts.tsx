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

/**
 * Redrives or deletes the dead letters of the filter. The first click counts them and changes
 * nothing.
 */
export function DeadLetterActs({ agent }: { readonly agent: string | undefined }) {
  const { client } = useSession()
  const [isCounting, setCounting] = useState(false)
  const filter = agent === undefined ? {} : { to: agent }
  const { data } = useQuery({
    queryKey: [...deadLettersKey, 'count', filter],
    queryFn: () => client.messages.deadLetters.list({ filter, limit }),
    enabled: isCounting,
  })
  const outdates = [['messages', 'list'], deadLettersKey, metricsKey]
  const end = () => setCounting(false)
  const redrive = useAct({
    run: (_, __: undefined) => client.messages.deadLetters.redrive({ filter, limit }),
    done: () => 'The dead letters are in their inboxes again.',
    outdates,
  })
  const purge = useAct({
    run: (_, __: undefined) => client.messages.deadLetters.purge({ filter, limit }),
    done: () => 'The dead letters are deleted.',
    outdates,
  })
  if (!isCounting) return <Button onClick={() => setCounting(true)}>Redrive or delete these …</Button>
  if (!data) return <p className="muted">Counting …</p>
  const count = `${data.deadLetters.length}${data.nextCursor === null ? '' : ' or more'}`
  return (
    <Group label="Dead letters of the filter" className="answer">
      <Button kind="primary" disabled={redrive.isPending} onClick={() => redrive.mutate(undefined, { onSettled: end })}>
        Redrive {count}
      </Button>
      <Button kind="danger" disabled={purge.isPending} onClick={() => purge.mutate(undefined, { onSettled: end })}>
        Delete {count}
      </Button>
      <Button onClick={end}>Leave them</Button>
    </Group>
  )
}
