import type { Client, Task } from '@tony/mcp-client'

const pageSize = 500
/** Tasks that are read at the same time by their ids. */
const tasksPerRead = 100

/** The facts about a task that the export of other tasks needs. */
export interface TaskOutline {
  readonly id: string
  readonly externalId: string | null
  readonly type: string
  readonly epic: string | null
  readonly status: Task['status']
  readonly parentId: string | null
  readonly notBefore: string | null
  /** The dependencies of a blocked task; the others need none. */
  readonly waits: readonly { readonly taskId: string; readonly kind: 'blocks' | 'children' | 'failure' }[]
  /** The format of the file that it came from, and its tag there. */
  readonly format: string | undefined
  readonly tag: string | undefined
  /** True if that file had one list without a tag. */
  readonly isUntagged: boolean
}

/** Where an imported task came from: `metadata.importedFrom`. */
export function originOf(task: Pick<Task, 'metadata'>): Readonly<Record<string, unknown>> {
  const { importedFrom } = task.metadata
  return typeof importedFrom === 'object' && importedFrom !== null ? { ...importedFrom } : {}
}

function taskOutlineOf(task: Task): TaskOutline {
  const { id, externalId, type, epic, status, parentId, notBefore } = task
  const { format, tag, isTagged } = originOf(task)
  const own = task.dependsOn.map((taskId) => ({ taskId, kind: 'blocks' as const }))
  return {
    ...{ id, externalId, type, epic, status, parentId, notBefore },
    waits: status === 'blocked' ? [...own, ...task.waitsFor] : [],
    format: typeof format === 'string' ? format : undefined,
    tag: typeof tag === 'string' ? tag : undefined,
    isUntagged: isTagged === false,
  }
}

/** Yields the tasks of the project in the order of their creation, a page at a time. */
async function* readTaskPages(client: Client): AsyncGenerator<readonly Task[], void> {
  let cursor: string | undefined
  do {
    const page = await client.tasks.list({ limit: pageSize, ...(cursor === undefined ? {} : { cursor }) })
    yield page.tasks
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

/**
 * The project of an export: an outline of its tasks and the names of its agents. The bodies of the
 * tasks are read while the file is written, so that they are never all in memory.
 */
export class ExportedProject {
  readonly #client: Client
  readonly outlines: ReadonlyMap<string, TaskOutline>
  readonly #names: ReadonlyMap<string, string>
  readonly #stuck = new Map<string, boolean>()

  private constructor(client: Client, outlines: ReadonlyMap<string, TaskOutline>, names: ReadonlyMap<string, string>) {
    this.#client = client
    this.outlines = outlines
    this.#names = names
  }

  static async read(client: Client): Promise<ExportedProject> {
    const outlines = new Map<string, TaskOutline>()
    for await (const tasks of readTaskPages(client))
      for (const task of tasks) outlines.set(task.id, taskOutlineOf(task))
    const names = new Map<string, string>()
    let cursor: string | undefined
    do {
      const { agents, nextCursor } = await client.agents.list(cursor === undefined ? {} : { cursor })
      for (const { id, name } of agents) names.set(id, name)
      cursor = nextCursor ?? undefined
    } while (cursor !== undefined)
    return new ExportedProject(client, outlines, names)
  }

  /** Returns the name of an agent; the id of one that has left. */
  nameOf(agentId: string | null): string | undefined {
    return agentId === null ? undefined : (this.#names.get(agentId) ?? agentId)
  }

  /** Yields the tasks of the outline in the order of their creation. */
  async *tasks(): AsyncGenerator<Task, void> {
    for await (const page of readTaskPages(this.#client)) yield* page.filter(({ id }) => this.outlines.has(id))
  }

  /** Yields tasks by id, in the given order. */
  async *tasksById(ids: readonly string[]): AsyncGenerator<Task, void> {
    for (let at = 0; at < ids.length; at += tasksPerRead)
      yield* await Promise.all(ids.slice(at, at + tasksPerRead).map((taskId) => this.#client.tasks.get({ taskId })))
  }

  /**
   * True if a task waits for a dependency that can no longer be met, such as the completion of a
   * cancelled task. Other trackers have no such state, so the exported record gets the status
   * `blocked`.
   */
  isStuck(id: string): boolean {
    const known = this.#stuck.get(id)
    if (known !== undefined) return known
    // A second visit of the task within its own chain of parents finds this value.
    this.#stuck.set(id, false)
    const outline = this.outlines.get(id)
    const own = (outline?.waits ?? []).some(({ taskId, kind }) => {
      const status = this.outlines.get(taskId)?.status
      if (kind === 'failure') return status === 'completed' || status === 'cancelled'
      return kind === 'blocks' && (status === 'failed' || status === 'cancelled')
    })
    const isStuck =
      own || (outline?.status === 'blocked' && outline.parentId !== null && this.isStuck(outline.parentId))
    this.#stuck.set(id, isStuck)
    return isStuck
  }

  /** Returns the id of the nearest epic above a task, as an import of the file would find it. */
  epicAbove(id: string): string | undefined {
    let at = this.outlines.get(id)?.parentId ?? null
    for (let depth = 0; at !== null && depth <= this.outlines.size; depth += 1) {
      const outline = this.outlines.get(at)
      if (outline?.type === 'epic') return at
      at = outline?.parentId ?? null
    }
    return undefined
  }
}
