import { TonyError } from '../api/errors.ts'

/** As Tony 2.8 says it, to the letter. */
export const notInitialized = (): Error => new Error('Tony MCP integration not initialized')

export const agentNotFound = (agentId: string): Error => new Error(`Agent ${agentId} not found`)

const portOf = (url: string): string => (URL.canParse(url) && new URL(url).port) || '3456'

/** There is no server where one was looked for. */
const serverMissing = (url: string, cause: unknown): Error =>
  new Error(
    [
      'Tony 2.8.0 requires MCP (Model Context Protocol) server.',
      `Please ensure MCP server is running on port ${portOf(url)}.`,
      'Run: npm run mcp:start',
    ].join('\n'),
    { cause },
  )

const unreachableCodes: ReadonlySet<string> = new Set(['DEADLINE_EXCEEDED', 'CONNECTION_LOST'])

/** Renames that a server cannot be reached; every other error passes as it is. */
export async function explainUnreachable<T>(url: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof TonyError && unreachableCodes.has(error.code) ? serverMissing(url, error) : error
  }
}
