import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { toSingleLine } from '@tony/mcp-shared/untrusted-text'
import type { HostLimits } from './host-limits.ts'
import { toMessageViews } from './messages.ts'
import { OutputBudget } from './output-budget.ts'
import { authorIdsOf, showTexts, taskTextOf, textFields } from './task-texts.ts'
import { loadAgentNames } from './task-view.ts'
import type { ToolSession } from './tool-session.ts'

const firstValue = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? (value[0] ?? '') : (value ?? '')

const toResourceContents = (uri: URL, value: object) => ({
  contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(value) }],
})

async function readTask(toolSession: ToolSession, taskId: string, budget: OutputBudget): Promise<object> {
  const task = await toolSession.callForHost('tasks.get', { taskId: decodeURIComponent(taskId) })
  const nameOf = await loadAgentNames(toolSession, authorIdsOf(task))
  const { title, type, status, priority, attempt, dependsOn, parentId } = task
  const head = {
    taskId: task.id,
    title: title === null ? null : toSingleLine(title),
    type: toSingleLine(type),
    status,
    priority,
    attempt,
    dependsOn,
    parentId,
    worker: task.claimedBy === null ? null : nameOf(task.claimedBy),
  }
  budget.spend({ head, textFields })
  const fields = textFields.flatMap((field) => {
    const long = taskTextOf(task, field, nameOf)
    return long ? [{ field, long }] : []
  })
  const shown = showTexts(
    fields.map(({ long }) => long),
    budget,
  )
  return { ...head, ...Object.fromEntries(fields.map(({ field }, index) => [field, shown[index]])) }
}

async function readAgent(toolSession: ToolSession, encodedAgent: string): Promise<object> {
  const agent = decodeURIComponent(encodedAgent)
  const { id, name, type, role, status, capabilities, lastActivityAt } = await toolSession.callForHost('agents.get', {
    agent,
  })
  return {
    agentId: id,
    name: toSingleLine(name),
    type: toSingleLine(type),
    role,
    status,
    capabilities: capabilities.map(toSingleLine),
    lastActivityAt,
  }
}

/** Reads a thread. `path` is its id, and the position of the first message after a slash. */
async function readThread(toolSession: ToolSession, path: string, budget: OutputBudget): Promise<object> {
  const [encodedId = '', position = '0'] = path.split('/')
  const threadId = decodeURIComponent(encodedId)
  const from = /^\d{1,9}$/.test(position) ? Number(position) : 0
  const messages = await loadThread(toolSession, threadId)
  budget.spend({ threadId, next: 'x'.repeat(threadId.length + 100) })
  const shown = await toMessageViews(toolSession, messages.slice(from), budget)
  const left = messages.length - from - shown.length
  return {
    threadId: toSingleLine(threadId),
    messages: shown,
    ...(left > 0
      ? { next: `${left} more messages: read tony://thread/${encodeURIComponent(threadId)}/${from + shown.length}` }
      : {}),
  }
}

/** Maximum number of messages of one thread. */
const maxThreadMessages = 2_000

async function loadThread(toolSession: ToolSession, threadId: string) {
  const first = await toolSession.callForHost('messages.thread', { threadId })
  const { messages } = first
  for (let cursor = first.nextCursor; cursor !== null && messages.length < maxThreadMessages; ) {
    const page: typeof first = await toolSession.callForHost('messages.thread', { threadId, cursor })
    messages.push(...page.messages)
    cursor = page.nextCursor
  }
  return messages
}

/** Values of one completion; the protocol allows no more. */
const maxCompletions = 100

/** The ids of tasks in progress. A host completes an id while its user types. */
async function listTaskIds(toolSession: ToolSession): Promise<string[]> {
  const { tasks } = await toolSession.callForHost('tasks.list', { status: 'in_progress', limit: maxCompletions })
  return tasks.map(({ id }) => id)
}

async function listAgentNames(toolSession: ToolSession): Promise<string[]> {
  const { agents } = await toolSession.callForHost('agents.list', {})
  return agents.map(({ name }) => encodeURIComponent(name))
}

interface ResourceKind {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly read: (toolSession: ToolSession, id: string, budget: OutputBudget) => Promise<object>
  /** The ids that a host may offer to its user. */
  readonly listIds: (toolSession: ToolSession) => Promise<string[]>
}

const templates: readonly ResourceKind[] = [
  {
    name: 'task',
    title: 'A task',
    description: 'All that is known of a task',
    read: readTask,
    listIds: listTaskIds,
  },
  {
    name: 'thread',
    title: 'A thread',
    description: 'The messages of a thread you take part in',
    read: readThread,
    listIds: async () => [],
  },
  {
    name: 'agent',
    title: 'An agent',
    description: 'An agent, by its id or its name',
    read: readAgent,
    listIds: listAgentNames,
  },
]

/**
 * Adds tasks, threads and agents as resources: `tony://task/<id>`, `tony://thread/<id>`,
 * `tony://agent/<id or name>`. The rest of a long thread is at `tony://thread/<id>/<position>`.
 */
export function addResources(server: McpServer, toolSession: ToolSession, limits: () => HostLimits): void {
  for (const { name, read, listIds, ...texts } of templates) {
    const completeId = async (beginning: string) => {
      const ids = await listIds(toolSession)
      return ids.filter((id) => id.startsWith(beginning)).slice(0, maxCompletions)
    }
    server.registerResource(
      name,
      new ResourceTemplate(`tony://${name}/{+id}`, { list: undefined, complete: { id: completeId } }),
      { ...texts, mimeType: 'application/json' },
      async (uri, { id }) => {
        const budget = new OutputBudget(limits().result)
        return toResourceContents(uri, await read(toolSession, firstValue(id), budget))
      },
    )
  }
}
