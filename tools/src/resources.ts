import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { fenced, inLine } from '@tony/mcp-shared/untrusted-text'
import { presentMail } from './mail.ts'
import { namesOf } from './present.ts'
import type { Seat } from './seat.ts'

const one = (value: string | string[] | undefined): string => (Array.isArray(value) ? (value[0] ?? '') : (value ?? ''))

const contents = (uri: URL, value: object) => ({
  contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(value) }],
})

async function readTask(seat: Seat, taskId: string): Promise<object> {
  const task = await seat.call('tasks.get', { taskId })
  const nameOf = await namesOf(seat, [task.createdBy, task.claimedBy, task.inputRequest?.by ?? null])
  const { description, result, error, progress, metadata, inputRequest } = task
  const { title, type, status, priority, attempt, dependsOn, parentId } = task
  const by = nameOf(task.claimedBy)
  return {
    taskId: task.id,
    title: title === null ? null : inLine(title),
    type: inLine(type),
    status,
    priority,
    attempt,
    dependsOn,
    parentId,
    worker: task.claimedBy === null ? null : by,
    description:
      description === null ? null : fenced(description, `task written by ${nameOf(task.createdBy)}`, 'what to do'),
    progress: progress && fenced(progress, `progress of ${by}`),
    question: inputRequest && fenced(inputRequest.question, `question of ${nameOf(inputRequest.by)}`),
    result: result === null ? null : fenced(result, `result of ${by}`),
    error: error === null ? null : fenced(error, `error of ${by}`),
    metadata: fenced(metadata, 'metadata of the task'),
  }
}

async function readAgent(seat: Seat, agent: string): Promise<object> {
  const { id, name, type, role, status, capabilities, lastActivityAt } = await seat.call('agents.get', { agent })
  return {
    agentId: id,
    name: inLine(name),
    type: inLine(type),
    role,
    status,
    capabilities: capabilities.map(inLine),
    lastActivityAt,
  }
}

async function readThread(seat: Seat, threadId: string): Promise<object> {
  const { messages } = await seat.call('messages.thread', { threadId })
  return { threadId: inLine(threadId), messages: await presentMail(seat, messages) }
}

const templates = [
  { name: 'task', title: 'A task', description: 'All that is known of a task', read: readTask },
  { name: 'thread', title: 'A thread', description: 'The messages of a thread you take part in', read: readThread },
  { name: 'agent', title: 'An agent', description: 'An agent, by its id or its name', read: readAgent },
] as const

/** Tasks, threads and agents by address: `tony://task/<id>`, `tony://thread/<id>`, `tony://agent/<id or name>`. */
export function addResources(server: McpServer, seat: Seat): void {
  for (const { name, read, ...texts } of templates)
    server.registerResource(
      name,
      new ResourceTemplate(`tony://${name}/{id}`, { list: undefined }),
      { ...texts, mimeType: 'application/json' },
      async (uri, { id }) => contents(uri, await read(seat, decodeURIComponent(one(id)))),
    )
}
