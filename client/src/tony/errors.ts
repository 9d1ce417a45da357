import { TonyError } from '../api/errors.ts'

/** The exact error text of Tony 2.8. */
export const notInitializedError = (): Error => new Error('Tony MCP integration not initialized')

export const agentNotFoundError = (agentId: string): Error => new Error(`Agent ${agentId} not found`)

const portOf = (url: string): string => (URL.canParse(url) && new URL(url).port) || '3456'

/** The error of Tony 2.8 for a missing server. */
const serverMissingError = (url: string, cause: unknown): Error =>
  new Error(
    [
      'Tony 2.8.0 requires MCP (Model Context Protocol) server.',
      `Please ensure MCP server is running on port ${portOf(url)}.`,
      'Run: npm run mcp:start',
    ].join('\n'),
    { cause },
  )

const unreachableCodes: ReadonlySet<string> = new Set(['DEADLINE_EXCEEDED', 'CONNECTION_LOST'])

/** Replaces the errors of an unreachable server by `serverMissingError`, and no other errors. */
export async function explainUnreachable<T>(url: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof TonyError && unreachableCodes.has(error.code) ? serverMissingError(url, error) : error
  }
}
