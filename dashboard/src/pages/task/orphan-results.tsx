import type { Task } from '@tony/mcp-client'
import { useAct } from '../../data/use-act.ts'
import { useNames } from '../../data/use-names.ts'
import { useCan } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { Button } from '../../ui/button.tsx'
import { Json } from '../../ui/json.tsx'

/** Results that came after their lease had gone to another attempt. One of them may be adopted. */
export function OrphanResults({ task }: { readonly task: Task }) {
  const nameOf = useNames()
  const can = useCan()
  const adopt = useAct({
    run: (client, attempt: number) => client.tasks.adopt({ taskId: task.id, attempt }),
    done: () => 'The task has ended with this result.',
    outdates: [['tasks', 'get', task.id]],
  })
  if (task.orphanResults.length === 0) return null
  return (
    <section>
      <h2>Orphan results</h2>
      <ul className="cards">
        {task.orphanResults.map(({ attempt, agentId, result, at }) => (
          <li key={attempt} className="card">
            Attempt {attempt} of {nameOf(agentId)}, <Age at={at} /> ago
            <Json label={`Result of attempt ${attempt}`} value={result} />
            {can('tasks:work') ? (
              <Button disabled={adopt.isPending} onClick={() => adopt.mutate(attempt)}>
                Adopt
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  )
}
