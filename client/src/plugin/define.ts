import { isRecord } from '../tony/conversions.ts'
import type { MCP, MCPRequest, MCPResponse } from '../tony/shapes.ts'
import { checkShape } from './checks.ts'
import type { AnyMethods, MCPPlugin, Methods, TonyPlugin } from './plugin.ts'

/** What a handler works with beside its params. */
export interface HandlerContext {
  readonly mcp: MCP
  readonly request: MCPRequest
}

export type Handlers<M extends Methods<M>> = {
  readonly [K in keyof M]: (params: M[K]['params'], context: HandlerContext) => M[K]['result'] | Promise<M[K]['result']>
}

/** Reads what came over the wire, or throws: `z.object({ … }).parse`. */
export type Inputs<M extends Methods<M>> = { readonly [K in keyof M]?: (params: unknown) => M[K]['params'] }

export interface PluginDefinition<M extends Methods<M>> extends Omit<TonyPlugin, 'execute' | 'getDependency'> {
  /** One for each method: it is found by its name, as a capability of the plugin's agent. */
  readonly handlers: Handlers<M>
  /** What it takes, checked before its handler runs. A method without one takes whatever comes. */
  readonly inputs?: Inputs<M>
  /** What it is found by beside its methods. */
  readonly capabilities?: readonly string[]
  /** What its agent is. Default `plugin`. */
  readonly agentType?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

const errorResponse = (code: string, message: string): MCPResponse => ({ success: false, error: { code, message } })

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The params as the handler takes them, or why they are none. */
function parseParams(input: unknown, params: unknown): { params: unknown } | { refusal: string } {
  if (typeof input !== 'function') return { params }
  try {
    return { params: Reflect.apply(input, undefined, [params]) }
  } catch (error) {
    return { refusal: textOf(error) }
  }
}

/** A property of the object's own, by a name that came over the wire. */
const ownProperty = (object: unknown, name: string): unknown =>
  isRecord(object) && Object.hasOwn(object, name) ? object[name] : undefined

/**
 * A plugin of typed methods. Give it the type of its methods: a method without a handler, or one that takes or gives something
 * else, does not compile. Throws PluginError for what is no plugin.
 */
export function definePlugin<M extends Methods<M> = AnyMethods>(definition: PluginDefinition<M>): MCPPlugin<M> {
  checkShape(definition)
  const { handlers, inputs, capabilities = [], agentType = 'plugin', metadata = {}, ...plugin } = definition
  const allCapabilities = [...new Set([...Object.keys(handlers), ...capabilities])]
  let server: MCP | undefined
  return {
    ...plugin,
    registerWithMCP: async (mcp) => {
      server = mcp
      await mcp.registerAgent({ name: plugin.name, type: agentType, capabilities: allCapabilities, metadata })
    },
    handleMCPRequest: async (request) => {
      const { method, params = null } = request
      const handler = ownProperty(handlers, method)
      if (typeof handler !== 'function')
        return errorResponse('METHOD_NOT_FOUND', `plugin "${plugin.name}" has no method ${method}`)
      if (!server)
        return errorResponse('NOT_REGISTERED', `plugin "${plugin.name}" is not registered: call registerWithMCP first`)
      const parsed = parseParams(ownProperty(inputs, method), params)
      if ('refusal' in parsed) return errorResponse('INVALID_PARAMS', `${method}: ${parsed.refusal}`)
      const context: HandlerContext = { mcp: server, request }
      return { success: true, result: await Reflect.apply(handler, undefined, [parsed.params, context]) }
    },
    getMCPCapabilities: () => allCapabilities,
  }
}
