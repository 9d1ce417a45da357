import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { delimitUntrusted, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { toMessageViews } from './messages.ts'
import { loadAgentNames } from './task-view.ts'
import type { ToolSession } from './tool-session.ts'

const firstValue = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? (value[0] ?? '') : (value ?? '')

const toResourceContents = (uri: URL, value: object) => ({
  contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(value) }],
})

async function readTask(toolSession: ToolSession, taskId: string): Promise<object> {
  const task = await toolSession.call('tasks.get', { taskId })
  const nameOf = await loadAgentNames(toolSession, [task.createdBy, task.claimedBy, task.inputRequest?.by ?? null])
  const { description, result, error, progress, metadata, inputRequest } = task
  const { title, type, status, priority, attempt, dependsOn, parentId } = task
  const by = nameOf(task.claimedBy)
  return {
    taskId: task.id,
    title: title === null ? null : toSingleLine(title),
    type: toSingleLine(type),
    status,
    priority,
    attempt,
    dependsOn,
    parentId,
    worker: task.claimedBy === null ? null : by,
    description:
      description === null
        ? null
        : delimitUntrusted(description, `task written by ${nameOf(task.createdBy)}`, 'what to do'),
    progress: progress && delimitUntrusted(progress, `progress of ${by}`),
    question: inputRequest && delimitUntrusted(inputRequest.question, `question of ${nameOf(inputRequest.by)}`),
    result: result === null ? null : delimitUntrusted(result, `result of ${by}`),
    error: error === null ? null : delimitUntrusted(error, `error of ${by}`),
    metadata: delimitUntrusted(metadata, 'metadata of the task'),
  }
}

async function readAgent(toolSession: ToolSession, agent: string): Promise<object> {
  const { id, name, type, role, status, capabilities, lastActivityAt } = await toolSession.call('agents.get', { agent })
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

async function readThread(toolSession: ToolSession, threadId: string): Promise<object> {
  const { messages } = await toolSession.call('messages.thread', { threadId })
  return { threadId: toSingleLine(threadId), messages: await toMessageViews(toolSession, messages) }
}

const templates = [
  { name: 'task', title: 'A task', description: 'All that is known of a task', read: readTask },
  { name: 'thread', title: 'A thread', description: 'The messages of a thread you take part in', read: readThread },
  { name: 'agent', title: 'An agent', description: 'An agent, by its id or its name', read: readAgent },
] as const

/**
 * Adds tasks, threads and agents as resources: `tony://task/<id>`, `tony://thread/<id>`,
 * `tony://agent/<id or name>`.
 */
export function addResources(server: McpServer, toolSession: ToolSession): void {
  for (const { name, read, ...texts } of templates)
    server.registerResource(
      name,
      new ResourceTemplate(`tony://${name}/{id}`, { list: undefined }),
      { ...texts, mimeType: 'application/json' },
      async (uri, { id }) => toResourceContents(uri, await read(toolSession, decodeURIComponent(firstValue(id)))),
    )
}
