import type { AnyTool } from '@tony/mcp-tools/tool'
import { z } from 'zod'
import { isRecord } from '../../platform/is-record.ts'

/** The handle of a caller without a session id; its value is absent before `join`. */
export interface SessionHandle {
  readonly value: string | undefined
}

const sessionField = {
  session: z.string().max(200).optional().describe('"session" of your answer from join: pass it with every call'),
}

/** The schemas with the handle by those without it, so that each has its JSON schema made once. */
const extendedSchemas = new WeakMap<z.ZodObject, z.ZodObject>()

function withSessionField(schema: z.ZodObject): z.ZodObject {
  const kept = extendedSchemas.get(schema) ?? schema.extend(sessionField)
  extendedSchemas.set(schema, kept)
  return kept
}

/**
 * Returns an adapter for the tools of a caller without a session id: each takes the handle of its
 * session as an argument, and `join` returns it. The handle is the secret of an agent, so a model
 * with it is that agent on every replica and after every restart.
 */
export const withHandle =
  ({ value }: SessionHandle) =>
  (tool: AnyTool): AnyTool => {
    const isJoin = tool.name === 'join'
    return {
      ...tool,
      input: withSessionField(tool.input),
      output: isJoin ? withSessionField(tool.output) : tool.output,
      run: async (toolSession, input, call) => {
        const { session: _, ...rest } = isRecord(input) ? input : {}
        const result = await tool.run(toolSession, rest, call)
        if (!isJoin || value === undefined) return result
        return { ...result, session: value, next: `Pass "session" with every call. ${String(result['next'])}` }
      },
    }
  }
