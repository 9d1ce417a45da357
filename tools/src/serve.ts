import { type CallToolResult, McpServer } from '@modelcontextprotocol/server'
import { fleetTools } from './fleet.ts'
import { guide, instructions } from './guide.ts'
import { leadTools } from './lead.ts'
import { mailTools, showDue } from './mail.ts'
import { planTools } from './plan.ts'
import { refusal } from './refusals.ts'
import { addResources } from './resources.ts'
import type { Seat } from './seat.ts'
import type { AnyTool, ToolCall } from './tool.ts'
import { workTools } from './work.ts'

/** Every tool there is, in the order a model reads them. */
export const tools: readonly AnyTool[] = [...fleetTools, ...workTools, ...leadTools, ...mailTools, ...planTools]

/** Runs one tool. What goes wrong is a result that says what to do next, and never an error of the protocol. */
export async function runTool(tool: AnyTool, seat: Seat, input: unknown, call: ToolCall): Promise<CallToolResult> {
  const told = (text: string) => ({ type: 'text' as const, text })
  const outcome = await tool.run(seat, input, call).then(
    (structuredContent) => ({ content: [told(JSON.stringify(structuredContent))], structuredContent }),
    (error: unknown) => ({ content: [told(refusal(error))], isError: true }),
  )
  // A host that has gone shows nothing.
  const mail = call.signal.aborted ? [] : await showDue(seat, tool.shows)
  return { ...outcome, content: [...outcome.content, ...[...seat.notices(), ...mail].map(told)] }
}

/** How one tool call reaches its run, where something surrounds it: progress while it waits. */
export type Around = (
  call: ToolContext,
  run: (signal: AbortSignal) => Promise<CallToolResult>,
) => Promise<CallToolResult>

/** What of a request a surrounding needs. */
export interface ToolContext {
  readonly signal: AbortSignal
  /** Sends the host a sign that the call goes on; undefined when it did not ask for any. */
  readonly report: ((progress: number, message: string) => Promise<void>) | undefined
}

export interface Serving {
  readonly seat: Seat
  readonly version: string
  /** Tools beside the ones there are. */
  readonly extra?: readonly AnyTool[]
  readonly around?: Around
}

const straight: Around = (call, run) => run(call.signal)

/** An MCP server for one seat. */
export function mcpServer({ seat, version, extra = [], around = straight }: Serving): McpServer {
  const server = new McpServer({ name: 'tony-mcp', title: 'Tony MCP', version }, { instructions })
  for (const tool of [...tools, ...extra]) {
    const { name, title, description, input, output, reads } = tool
    const annotations = { readOnlyHint: reads, destructiveHint: false, openWorldHint: false }
    const config = { title, description, inputSchema: input, outputSchema: output, annotations }
    server.registerTool(name, config, (given, { mcpReq }) => {
      const token = mcpReq._meta?.progressToken
      const report =
        token === undefined
          ? undefined
          : (progress: number, message: string) =>
              mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, message } })
      return around({ signal: mcpReq.signal, report }, (signal) => runTool(tool, seat, given, { signal }))
    })
  }
  addResources(server, seat)
  server.registerPrompt(
    'how_to_take_part',
    { title: 'How to take part', description: 'How an agent works with the others of its project' },
    () => ({ messages: [{ role: 'user', content: { type: 'text', text: guide } }] }),
  )
  return server
}
