import { z } from 'zod'
import type { Input } from './calls.ts'
import { explain } from './explain.ts'
import { feed } from './feed.ts'
import { longTextWarning } from './text-part.ts'
import { type AnyTool, tool } from './tool.ts'
import type { AgentIdentity, ToolSession } from './tool-session.ts'

const newTask = z.strictObject({
  key: z.string().min(1).max(200).optional().describe('names it within this call, for "dependsOn"'),
  title: z.string().min(1).max(1_000),
  description: z.string().max(65_536).optional().describe('all that an agent needs that knows nothing else'),
  acceptanceCriteria: z.string().max(65_536).optional().describe('conditions that the result must meet'),
  design: z.string().max(65_536).optional().describe('how to do it'),
  notes: z.string().max(65_536).optional().describe('what else to know'),
  type: z.string().min(1).max(200).default('implementation'),
  dependsOn: z.array(z.string()).max(200).optional().describe('keys or ids of tasks to be completed first'),
  assignedTo: z.string().optional().describe('name or id of the only agent that may take it'),
  requires: z.array(z.string()).max(16).optional().describe('capabilities an agent must have'),
  priority: z.enum(['critical', 'high', 'normal', 'low']).default('normal'),
  locks: z.array(z.string()).max(32).optional().describe('such as "file:src/auth": held while it is worked on'),
  epic: z.string().min(1).max(200).optional(),
})

/**
 * Returns the parent for tasks that a developer adds: the task it holds, if it holds exactly one.
 */
async function findParentTaskId(
  toolSession: ToolSession,
  identity: AgentIdentity | undefined,
): Promise<string | undefined> {
  if (!identity || identity.role === 'tech-lead') return undefined
  const { tasks } = await toolSession.call('tasks.list', {
    status: 'in_progress',
    claimedBy: identity.agentId,
    limit: 2,
  })
  return tasks.length === 1 ? tasks[0]?.id : undefined
}

const longestTextOf = (texts: readonly string[]): string =>
  texts.reduce((longest, text) => (text.length > longest.length ? text : longest), '')

const addTasks = tool({
  name: 'add_tasks',
  title: 'Add tasks or a plan',
  description:
    'Adds 1 to 200 tasks at once. "dependsOn" orders them: a task can be taken when those are completed, and gets their results. Leads may add any; others add parts of a task they hold.',
  input: z.strictObject({
    tasks: z.array(newTask).min(1).max(200),
    parentId: z.string().optional().describe('id of the task they are parts of'),
  }),
  output: z.object({
    tasks: z.array(z.object({ taskId: z.string(), key: z.string().nullable() })),
    next: z.string(),
  }),
  run: async (toolSession, { tasks, parentId: given }) => {
    const identity = await toolSession.currentAgent()
    const parentId = given ?? (await findParentTaskId(toolSession, identity))
    const newTasks = tasks.map(({ dependsOn = [], ...rest }): Input<'tasks.createMany'>['tasks'][number] => ({
      ...rest,
      dependsOn,
      ...(parentId === undefined ? {} : { parentId }),
    }))
    const created = await toolSession.call('tasks.createMany', { tasks: newTasks })
    const note = longTextWarning(longestTextOf(tasks.map(({ description = '' }) => description)))
    return {
      tasks: created.tasks.map(({ id, key }) => ({ taskId: id, key })),
      next: `Agents take them with next_task. Follow them with feed or explain.${note}`,
    }
  },
})

export const planTools: readonly AnyTool[] = [addTasks, feed, explain]
