import { TonyError } from '@tony/mcp-client'
import { ToolError } from '@tony/mcp-tools/error-text'

/** Returns the error of a call as the tools report it, with the URL of a server that is away. */
export function toToolError(error: unknown, url: string): unknown {
  if (!(error instanceof TonyError) || error.code !== 'DEADLINE_EXCEEDED' || error.applied === 'unknown') return error
  return new ToolError('SERVER_UNREACHABLE', `no server answers at ${url}`)
}
