import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskCreateManyInput, taskCreateManyOutput } from '@tony/mcp-shared/task-creation'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { dependencyOrder } from '../../domain/tasks/dependency-order.ts'
import { enqueueTasks } from '../../domain/tasks/enqueue.ts'
import { authorshipOf } from '../../domain/tasks/new-task.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { authorizeCreation, requireParents } from './create.ts'

type NewTaskInput = z.output<typeof taskCreateManyInput>['tasks'][number]

/**
 * Throws if the parents form a cycle. `authorizeCreation` checks only parents outside the call, and
 * a cycle has none, so a developer could create tasks under no task of its own.
 */
function refuseParentCycle(tasks: readonly NewTaskInput[]): void {
  const parents = new Map(tasks.map(({ key, parentId }) => [key, parentId]))
  for (const { key } of tasks) {
    let ancestor = key === undefined ? undefined : parents.get(key)
    for (let steps = 0; ancestor !== undefined && steps < tasks.length; steps += 1) {
      if (ancestor === key)
        throw new CoordinationError(
          'INVALID_INPUT',
          `the task with the key "${key}" is its own ancestor: change its parentId`,
        )
      ancestor = parents.get(ancestor)
    }
  }
}

const dependencyNamesOf = ({ dependsOn, waitsFor }: Pick<NewTaskInput, 'dependsOn' | 'waitsFor'>): string[] => [
  ...dependsOn,
  ...waitsFor.map(({ taskId }) => taskId),
]

/**
 * `tasks.createMany`: creates all tasks or none, in one transaction. Keys name tasks of the call
 * before they have ids.
 */
export function createManyTasks(
  ctx: Context,
  input: z.output<typeof taskCreateManyInput>,
): Promise<z.output<typeof taskCreateManyOutput>> {
  const keys = input.tasks.flatMap(({ key }) => key ?? [])
  const duplicate = keys.find((key, index) => keys.indexOf(key) !== index)
  if (duplicate !== undefined) throw new CoordinationError('INVALID_INPUT', `two tasks have the key "${duplicate}"`)
  // Ids first: a parent may depend on its own children, so no order of inserts fits both relations.
  const items = input.tasks.map(({ key, ...spec }) => ({ key, spec, id: uuidv7(), after: dependencyNamesOf(spec) }))
  const ids = new Map(items.flatMap(({ key, id }) => (key === undefined ? [] : [[key, id] as const])))
  refuseParentCycle(input.tasks)
  const idOf = (name: string) => ids.get(name) ?? name
  const ordered = dependencyOrder(items)
  return ctx.transact(async (tx) => {
    const outside = input.tasks
      .map(({ parentId }) => parentId)
      .filter((parent) => parent === undefined || !ids.has(parent))
    await authorizeCreation(tx, ctx.principal, outside)
    await requireParents(tx, ctx.principal.project, outside)
    const newTasks = ordered.map(({ id, spec: { parentId, dependsOn, waitsFor, ...rest } }) => {
      const waits = waitsFor.map(({ taskId, kind }) => ({ taskId: idOf(taskId), kind }))
      const task = { ...rest, dependsOn: dependsOn.map(idOf), waitsFor: waits }
      return { spec: parentId === undefined ? task : { ...task, parentId: idOf(parentId) }, origin: { id } }
    })
    await enqueueTasks(tx, authorshipOf(ctx.principal), newTasks)
    return { tasks: items.map(({ id, key }) => ({ id, key: key ?? null })) }
  })
}
