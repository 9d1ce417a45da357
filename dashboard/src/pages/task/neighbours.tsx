import { useQuery } from '@tanstack/react-query'
import type { Client, Task } from '@tony/mcp-client'
import { taskChanges } from '../../data/event-kinds.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'
import { Status } from '../../ui/status.tsx'
import { TaskLink } from '../../ui/task-link.tsx'

type Node = Awaited<ReturnType<Client['tasks']['tree']>>['nodes'][number]
type Neighbour = Pick<Task, 'id' | 'title' | 'type' | 'status'>

interface Surroundings {
  readonly parent: readonly Neighbour[]
  readonly dependencies: readonly Neighbour[]
  readonly children: readonly Node[]
}

/** Number of dependencies that are read. */
const limit = 20

async function loadSurroundings(client: Client, task: Task): Promise<Surroundings> {
  const read = async (ids: readonly string[]) => {
    const replies = await Promise.allSettled(ids.map((taskId) => client.tasks.get({ taskId })))
    return replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []))
  }
  const waitsFor = [...task.dependsOn, ...task.waitsFor.map(({ taskId }) => taskId)].slice(0, limit)
  const [parent, dependencies, { nodes }] = await Promise.all([
    read(task.parentId === null ? [] : [task.parentId]),
    read(waitsFor),
    client.tasks.tree({ taskId: task.id, depth: 1 }),
  ])
  return { parent, dependencies, children: nodes.filter(({ id }) => id !== task.id) }
}

/** The tasks around this one in the dependency graph, with their statuses. */
export function Neighbours({ task }: { readonly task: Task }) {
  const { client } = useSession()
  const key = ['tasks', 'surroundings', task.id] as const
  useInvalidation(key, taskChanges, 5_000)
  const { data } = useQuery({ queryKey: key, queryFn: () => loadSurroundings(client, task) })
  if (!data) return null
  return (
    <>
      <NeighbourList title="Parent" tasks={data.parent} />
      <NeighbourList title="Waits for" tasks={data.dependencies} />
      <NeighbourList title="Children" tasks={data.children} />
    </>
  )
}

interface NeighbourListProps {
  readonly title: string
  readonly tasks: readonly Neighbour[]
}

function NeighbourList({ title, tasks }: NeighbourListProps) {
  if (tasks.length === 0) return null
  return (
    <section>
      <h2>{title}</h2>
      <ul>
        {tasks.map((task) => (
          <li key={task.id}>
            <Status value={task.status} /> <TaskLink task={task} />
          </li>
        ))}
      </ul>
    </section>
  )
}
