import { type CallToolResult, McpServer } from '@modelcontextprotocol/server'
import { agentTools } from './agents.ts'
import { toErrorText } from './error-text.ts'
import { guide, instructions } from './guide.ts'
import { leadTools } from './lead.ts'
import { messageTools, showDueMessages } from './messages.ts'
import { planTools } from './plan.ts'
import { addResources } from './resources.ts'
import type { AnyTool, ToolCall } from './tool.ts'
import type { ToolSession } from './tool-session.ts'
import { workTools } from './work.ts'

/** Every tool, in the order in which a model reads them. */
export const tools: readonly AnyTool[] = [...agentTools, ...workTools, ...leadTools, ...messageTools, ...planTools]

/** Runs one tool. A failure becomes a result that names the next step, never a protocol error. */
export async function runTool(
  tool: AnyTool,
  toolSession: ToolSession,
  input: unknown,
  call: ToolCall,
): Promise<CallToolResult> {
  const toContent = (text: string) => ({ type: 'text' as const, text })
  const outcome = await tool.run(toolSession, input, call).then(
    (structuredContent) => ({ content: [toContent(JSON.stringify(structuredContent))], structuredContent }),
    (error: unknown) => ({ content: [toContent(toErrorText(error))], isError: true }),
  )
  // After an abort the host shows no result, so no messages are taken for it.
  const messages = call.signal.aborted ? [] : await showDueMessages(toolSession, tool.messageMode)
  return { ...outcome, content: [...outcome.content, ...[...toolSession.takeNotices(), ...messages].map(toContent)] }
}

/** Wraps the run of each tool, for example to report progress while it waits. */
export type ToolCallWrapper = (
  call: ToolCallContext,
  run: (signal: AbortSignal) => Promise<CallToolResult>,
) => Promise<CallToolResult>

/** The part of an MCP request that a wrapper needs. */
export interface ToolCallContext {
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
}

const callDirectly: ToolCallWrapper = (call, run) => run(call.signal)

/** Creates an MCP server for one tool session. */
export function createMcpServer({
  toolSession,
  version,
  extraTools = [],
  wrapCall = callDirectly,
}: ToolServerOptions): McpServer {
  const server = new McpServer({ name: 'tony-mcp', title: 'Tony MCP', version }, { instructions })
  for (const tool of [...tools, ...extraTools]) {
    const { name, title, description, input, output, readOnly: reads } = tool
    const annotations = { readOnlyHint: reads, destructiveHint: false, openWorldHint: false }
    const config = { title, description, inputSchema: input, outputSchema: output, annotations }
    server.registerTool(name, config, (rawInput, { mcpReq }) => {
      const token = mcpReq._meta?.progressToken
      const reportProgress =
        token === undefined
          ? undefined
          : (progress: number, message: string) =>
              mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, message } })
      return wrapCall({ signal: mcpReq.signal, reportProgress }, (signal) =>
        runTool(tool, toolSession, rawInput, { signal }),
      )
    })
  }
  addResources(server, toolSession)
  server.registerPrompt(
    'how_to_take_part',
    { title: 'How to take part', description: 'How an agent works with the others of its project' },
    () => ({ messages: [{ role: 'user', content: { type: 'text', text: guide } }] }),
  )
  return server
}
