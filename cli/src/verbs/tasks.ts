import type { Client, Task } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { AgentNames } from '../output/agent-names.ts'
import { formatAge, formatMs } from '../output/cells.ts'
import { formatRecord } from '../output/record.ts'
import { now } from '../timer.ts'
import { addList } from './list.ts'
import { addTaskFilterOptions, addTaskWork, resolveAgentId, type TaskFilterOptions } from './task-work.ts'
import { addVerb, collect } from './verb.ts'

type TaskInput = Parameters<Client['tasks']['create']>[0]

/** Returns the time left of a lease. */
const formatLease = ({ leaseExpiresAt }: Task): string | null =>
  leaseExpiresAt === null ? null : formatMs(Date.parse(leaseExpiresAt) - now())

function addTaskList(tasks: Command): void {
  addList<Task, TaskFilterOptions & { readonly claimedBy?: string }>(tasks, {
    name: 'ls',
    description: 'list tasks in the order of their creation',
    addOptions: (command) =>
      addTaskFilterOptions(command).option('--claimed-by <agent>', 'only those that this agent holds or completed'),
    load: async (client, request, { status, type, epic, story, parent, claimedBy }) => {
      const agentId = claimedBy === undefined ? undefined : await resolveAgentId(client, claimedBy)
      const filter = { status, type, epic, story, parentId: parent, claimedBy: agentId }
      const { tasks: rows, nextCursor } = await client.tasks.list({ ...filter, ...request })
      return { rows, nextCursor }
    },
    agentsOf: ({ claimedBy, assignedTo }) => [claimedBy, assignedTo],
    columns: (names) => ({
      id: ({ id }) => id,
      status: ({ status }) => status,
      priority: ({ priority }) => priority,
      agent: ({ claimedBy, assignedTo }) => names.of(claimedBy ?? assignedTo),
      lease: formatLease,
      age: ({ createdAt }) => formatAge(createdAt),
      epic: ({ epic }) => epic,
      title: ({ title, type }) => title ?? type,
    }),
    none: 'no tasks',
  })
}

/** Returns the fields of a task, with the names of its agents. */
async function formatTask(client: Client, task: Task): Promise<string> {
  const names = new AgentNames(client)
  await names.load([task.claimedBy, task.assignedTo, task.createdBy])
  const [claimedBy, assignedTo, createdBy] = [task.claimedBy, task.assignedTo, task.createdBy].map((id) => names.of(id))
  return formatRecord({ ...task, claimedBy, assignedTo, createdBy })
}

type AddOptions = Pick<
  TaskInput,
  'type' | 'description' | 'epic' | 'story' | 'requires' | 'dependsOn' | 'locks' | 'assignedTo' | 'priority'
> & { readonly parent?: string }

const addCreateOptions = (command: Command): Command =>
  command
    .option('--type <type>', 'the kind of work', 'code')
    .option('--description <text>', 'what to do')
    .option('--epic <epic>', 'its epic')
    .option('--story <story>', 'its story')
    .addOption(new Option('--priority <priority>', 'default: normal').choices(['critical', 'high', 'normal', 'low']))
    .option('--requires <capability>', 'a capability it needs; repeat it for several', collect)
    .option('--depends-on <task>', 'a task that must be completed before; repeat it for several', collect)
    .option('--locks <lock>', 'a lock it takes, such as file:src; repeat it for several', collect)
    .option('--assigned-to <agent>', 'the only agent that may take it')
    .option('--parent <task>', 'its parent')

function addCreateVerb(tasks: Command): void {
  addVerb<AddOptions, Task>(tasks, {
    name: 'add',
    usage: '<title>',
    description: 'create a task and print its id',
    addOptions: addCreateOptions,
    run: ({ client, values: [title], options }) => {
      const { type, description, epic, story, priority, requires, dependsOn, locks, assignedTo, parent } = options
      const fields = { description, epic, story, priority, requires, dependsOn, locks, assignedTo }
      return client.tasks.create({ title, type, parentId: parent, ...fields })
    },
    format: ({ id }) => id,
  })
}

type Tree = Awaited<ReturnType<Client['tasks']['tree']>>

interface TreeOptions {
  readonly epic?: string
  readonly story?: string
  readonly depth?: string
}

function addTree(tasks: Command): void {
  addVerb<TreeOptions, Tree>(tasks, {
    name: 'tree',
    usage: '[task]',
    description: 'show a task, an epic or a story with everything below it',
    addOptions: (command) =>
      command
        .option('--epic <epic>', 'the tasks of this epic')
        .option('--story <story>', 'the tasks of this story')
        .option('--depth <n>', 'levels below the root, 1 to 10, default 3'),
    run: ({ client, values: [taskId], options: { epic, story, depth } }) => {
      if ([taskId, epic, story].filter(Boolean).length !== 1)
        throw new CommandError(usageExitCode, 'name one of a task, --epic and --story')
      return client.tasks.tree({ taskId, epic, story, ...(depth === undefined ? {} : { depth: Number(depth) }) })
    },
    format: ({ nodes, truncated }) =>
      [
        ...nodes.map(({ id, depth, status, title, type }) => `${'  '.repeat(depth)}${id}  ${status}  ${title ?? type}`),
        ...(truncated ? ['…'] : []),
      ].join('\n'),
  })
}

/** Adds `tony-mcp tasks`. */
export function addTaskCommands(tony: Command): void {
  const tasks = tony.command('tasks')
  addTaskList(tasks)
  addVerb<object, Task>(tasks, {
    name: 'show',
    usage: '<task>',
    description: 'show everything about a task',
    run: ({ client, values: [taskId = ''] }) => client.tasks.get({ taskId }),
    format: (task, { client }) => formatTask(client, task),
  })
  addTree(tasks)
  addCreateVerb(tasks)
  addTaskWork(tasks)
}
