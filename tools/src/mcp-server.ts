import { type CallToolResult, McpServer } from '@modelcontextprotocol/server'
import { agentTools } from './agents.ts'
import { toErrorText } from './error-text.ts'
import { guide, instructions } from './guide.ts'
import { type HostLimits, hostLimitsOf } from './host-limits.ts'
import { leadTools } from './lead.ts'
import { maxMessagesShown, messageTools, renderMessages } from './messages.ts'
import { OutputBudget } from './output-budget.ts'
import { planTools } from './plan.ts'
import { toPublishedSchema, toUncheckedSchema } from './published-schema.ts'
import { addResources } from './resources.ts'
import { addTasksExtension } from './tasks-extension/handlers.ts'
import type { AnyTool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'
import { workTools } from './work.ts'

/** Every tool, in the order in which a model reads them. */
export const tools: readonly AnyTool[] = [...agentTools, ...workTools, ...leadTools, ...messageTools, ...planTools]

/** The notices and messages beside a result, as one text; empty if there are none. */
async function collectNotices(tool: AnyTool, toolSession: ToolSession, budget: OutputBudget): Promise<string> {
  const notices = toolSession.takeNotices()
  budget.spend(notices.join('\n'))
  // If the inbox cannot be read, the result goes out without messages.
  const options = { upTo: tool.messageMode, limit: maxMessagesShown }
  const messages = await renderMessages(toolSession, options, budget).catch(() => '')
  return [...notices, ...(messages === '' ? [] : [messages])].join('\n')
}

/**
 * Runs one tool. A failure becomes a result that names the next step, never a protocol error.
 * Several hosts show the structured content of a result and nothing else, so notices and messages
 * are a part of it.
 */
export async function runTool(
  tool: AnyTool,
  toolSession: ToolSession,
  input: unknown,
  { signal, limits }: { readonly signal: AbortSignal; readonly limits: HostLimits },
): Promise<CallToolResult> {
  const toContent = (text: string) => [{ type: 'text' as const, text }]
  const budget = new OutputBudget(limits.result)
  const contentBudget = tool.showsMessages ? new OutputBudget(limits.result) : budget.forContent()
  const outcome = await tool.run(toolSession, input, { signal, budget: contentBudget }).then(
    (result) => ({ result }),
    (error: unknown) => ({ error: toErrorText(error) }),
  )
  const left = 'error' in outcome ? new OutputBudget(limits.error) : budget
  left.spend('error' in outcome ? outcome.error : { ...outcome.result, notices: '' })
  // After an abort the host shows no result, so no messages are taken for it.
  const notices = signal.aborted ? '' : await collectNotices(tool, toolSession, left)
  if ('error' in outcome)
    return { content: toContent([outcome.error, ...(notices === '' ? [] : [notices])].join('\n')), isError: true }
  const structuredContent = { ...outcome.result, ...(notices === '' ? {} : { notices }) }
  return { content: toContent(JSON.stringify(structuredContent)), structuredContent }
}

/** Wraps the run of each tool, for example to report progress while it waits. */
export type ToolCallWrapper = (
  call: ToolCallContext,
  run: (signal: AbortSignal) => Promise<CallToolResult>,
) => Promise<CallToolResult>

/** The part of an MCP request that a wrapper needs. */
export interface ToolCallContext {
  /** Name of the tool. */
  readonly tool: string
  readonly signal: AbortSignal
  /** Reports to the host that the call goes on; undefined if the host did not ask for progress. */
  readonly reportProgress: ((progress: number, message: string) => Promise<void>) | undefined
}

export interface ToolServerOptions {
  readonly toolSession: ToolSession
  readonly version: string
  /** Tools in addition to `tools`. */
  readonly extraTools?: readonly AnyTool[]
  readonly wrapCall?: ToolCallWrapper
  /** Name of the host, if the connection does not begin with one. */
  readonly hostName?: string | undefined
  /** Capabilities of hosts that are no part of the protocol. */
  readonly experimental?: Readonly<Record<string, Record<string, string>>>
  /** Changes each tool, for example to take one more argument. */
  readonly adaptTool?: ((tool: AnyTool) => AnyTool) | undefined
}

/** The lists of this server never change. The SDK would declare that they may. */
const staticList = { listChanged: false }
const serverCapabilities = { tools: staticList, resources: staticList, prompts: staticList }

/** Claude Code shows results of this size whole, whatever the user has set for the tokens. */
const claudeCodeCharacters = hostLimitsOf('claude-code').result.characters

const callDirectly: ToolCallWrapper = (call, run) => run(call.signal)

/** Creates an MCP server for one tool session. */
export function createMcpServer({
  toolSession,
  version,
  extraTools = [],
  wrapCall = callDirectly,
  hostName,
  experimental,
  adaptTool = (tool) => tool,
}: ToolServerOptions): McpServer {
  const info = { name: 'tony-mcp', title: 'Tony MCP', version }
  const declared = experimental ? { ...serverCapabilities, experimental: { ...experimental } } : serverCapabilities
  const server = new McpServer(info, { instructions, capabilities: declared })
  const currentLimits = () => hostLimitsOf(hostName ?? server.server.getClientVersion()?.name)
  for (const tool of [...tools, ...extraTools].map(adaptTool)) {
    const { name, title, description, input, output, readOnly: reads } = tool
    const annotations = { readOnlyHint: reads, destructiveHint: false, openWorldHint: false }
    const _meta = { 'anthropic/maxResultSizeChars': claudeCodeCharacters }
    const config = {
      title,
      description,
      inputSchema: toUncheckedSchema(input),
      outputSchema: toPublishedSchema(output),
      annotations,
      _meta,
    }
    server.registerTool(name, config, (rawInput, { mcpReq }) => {
      const token = mcpReq._meta?.progressToken
      const reportProgress =
        token === undefined
          ? undefined
          : (progress: number, message: string) =>
              mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, message } })
      return wrapCall({ tool: name, signal: mcpReq.signal, reportProgress }, (signal) =>
        runTool(tool, toolSession, rawInput, { signal, limits: currentLimits() }),
      )
    })
  }
  addResources(server, toolSession, currentLimits)
  addTasksExtension(server, toolSession, currentLimits)
  server.registerPrompt(
    'how_to_take_part',
    { title: 'How to take part', description: 'How an agent works with the others of its project' },
    () => ({ messages: [{ role: 'user', content: { type: 'text', text: guide } }] }),
  )
  return server
}
