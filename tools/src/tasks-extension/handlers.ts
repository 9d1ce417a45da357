import { type McpServer, ProtocolError, type ServerContext } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Task } from '../calls.ts'
import { errorCodeOf, toErrorText } from '../error-text.ts'
import type { HostLimits } from '../host-limits.ts'
import { OutputBudget } from '../output-budget.ts'
import type { ToolSession } from '../tool-session.ts'
import { hasEnded, questionKeyOf, toWireTask } from './wire-task.ts'

/** The name of the extension of MCP. */
const extensionName = 'io.modelcontextprotocol/tasks'

const rpcCodes = { missingCapability: -32_021, invalidParams: -32_602, internal: -32_603, refused: -32_000 } as const

const taskParams = z.looseObject({ taskId: z.string().min(1).max(200) })

/** An answer to a form. `cancel` leaves it open. */
const formAnswer = z.looseObject({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).optional(),
})

/** The answer of a user who has declined a question. It lets the worker go on. */
const declinedAnswer = 'The question was declined.'

/** The capabilities of a caller in `_meta` of its request. The SDK has no type for them. */
const envelope = z.looseObject({
  'io.modelcontextprotocol/clientCapabilities': z
    .looseObject({ extensions: z.record(z.string(), z.unknown()).optional() })
    .optional(),
})

/** Throws for a caller that has not declared the extension, as its specification wants. */
function requireExtension({ server }: McpServer, { mcpReq }: ServerContext): void {
  const declared = envelope.safeParse(mcpReq.envelope ?? {}).data?.['io.modelcontextprotocol/clientCapabilities']
  const { extensions } = declared ?? server.getClientCapabilities() ?? {}
  if (extensions?.[extensionName] !== undefined) return
  throw new ProtocolError(
    rpcCodes.missingCapability,
    `Missing required client capability: declare the extension ${extensionName} in _meta of the request`,
    { requiredCapabilities: { extensions: { [extensionName]: {} } } },
  )
}

function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  const code = errorCodeOf(error) ?? 'INTERNAL'
  const text = toErrorText(error)
  if (code === 'NOT_FOUND' || code === 'INVALID_INPUT') return new ProtocolError(rpcCodes.invalidParams, text)
  return new ProtocolError(code === 'INTERNAL' ? rpcCodes.internal : rpcCodes.refused, text, { code })
}

/** Ignores the refusal of a change for which the task has already moved on. */
function ignoreIllegalTransition(error: unknown): void {
  if (errorCodeOf(error) !== 'ILLEGAL_TRANSITION') throw error
}

/** Returns the answer in the response to a form; undefined if it leaves the question open. */
function formAnswerOf(response: unknown): unknown {
  const { data } = formAnswer.safeParse(response)
  if (!data) throw new ProtocolError(rpcCodes.invalidParams, 'inputResponses: the response is not one to a form')
  if (data.action === 'decline') return declinedAnswer
  return data.action === 'accept' ? (data.content?.['answer'] ?? data.content) : undefined
}

/** `tasks/update`: a response to another question than the open one is ignored. */
async function applyTaskUpdate(toolSession: ToolSession, task: Task, responses: Readonly<Record<string, unknown>>) {
  const { id: taskId, attempt } = task
  if (task.status !== 'input_required' || !(questionKeyOf(task) in responses)) return
  const answer = formAnswerOf(responses[questionKeyOf(task)])
  if (answer === undefined) return
  await toolSession.callForHost('tasks.provideInput', { taskId, answer, attempt }).catch(ignoreIllegalTransition)
}

/**
 * Adds the extension MCP Tasks, which serves the tasks of the project. The SDK has no support for
 * it, so its methods are custom handlers. No tool call becomes a task of the extension, because
 * each tool returns before the task of the project has ended.
 */
export function addTasksExtension(server: McpServer, toolSession: ToolSession, limits: () => HostLimits): void {
  server.server.registerCapabilities({ extensions: { [extensionName]: {} } })
  const handle = (
    method: string,
    run: (task: Task, context: ServerContext) => Promise<Record<string, unknown> | undefined>,
  ) =>
    server.server.setRequestHandler(method, { params: taskParams }, async ({ taskId }, context) => {
      requireExtension(server, context)
      try {
        const task = await toolSession.callForHost('tasks.get', { taskId })
        return { ...(await run(task, context)), resultType: 'complete' }
      } catch (error) {
        throw toProtocolError(error)
      }
    })
  handle('tasks/get', (task) => toWireTask(task, { toolSession, budget: new OutputBudget(limits().result) }))
  handle('tasks/update', async (task, { mcpReq }) => {
    // The SDK takes this field out of the parameters of every request.
    await applyTaskUpdate(toolSession, task, mcpReq.inputResponses ?? {})
    return undefined
  })
  handle('tasks/cancel', async (task) => {
    if (!hasEnded(task))
      await toolSession.callForHost('tasks.cancel', { taskId: task.id }).catch(ignoreIllegalTransition)
    return undefined
  })
}
