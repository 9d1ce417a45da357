import { isRecord } from '../api/is-record.ts'
import type { MCP, MCPRequest, MCPResponse } from '../tony/shapes.ts'
import { checkPluginShape } from './checks.ts'
import type { AnyMethods, MCPPlugin, Methods, TonyPlugin } from './plugin.ts'

/** The context of a method call, passed to the handler beside the params. */
export interface HandlerContext {
  /** The server, as the plugin's agent. */
  readonly mcp: MCP
  /** The request being handled. */
  readonly request: MCPRequest
}

/**
 * The handlers of a plugin, by method. Each returns the result; an exception becomes the error
 * `HANDLER_FAILED`.
 */
export type Handlers<M extends Methods<M>> = {
  readonly [K in keyof M]: (params: M[K]['params'], context: HandlerContext) => M[K]['result'] | Promise<M[K]['result']>
}

/**
 * Parsers of params, by method, such as `z.object({ … }).parse`. Each returns the params or throws.
 */
export type ParamParsers<M extends Methods<M>> = { readonly [K in keyof M]?: (params: unknown) => M[K]['params'] }

/** Definition of a plugin: its manifest, its hooks and its handlers. */
export interface PluginDefinition<M extends Methods<M>> extends Omit<TonyPlugin, 'execute' | 'getDependency'> {
  /** One handler for each method. The name of the method is a capability of the plugin's agent. */
  readonly handlers: Handlers<M>
  /**
   * Parsers that run before the handlers; an exception becomes the error `INVALID_PARAMS`. A method
   * without a parser accepts any params.
   */
  readonly inputs?: ParamParsers<M>
  /** Further capabilities of the plugin's agent. Default: none. */
  readonly capabilities?: readonly string[]
  /** Type of the plugin's agent. Default `plugin`. */
  readonly agentType?: string
  /** Metadata of the plugin's agent. Default: empty. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

const errorResponse = (code: string, message: string): MCPResponse => ({ success: false, error: { code, message } })

const errorTextOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Returns the parsed params, or the reason for the refusal. */
function parseParams(parser: unknown, params: unknown): { params: unknown } | { refusal: string } {
  if (typeof parser !== 'function') return { params }
  try {
    return { params: Reflect.apply(parser, undefined, [params]) }
  } catch (error) {
    return { refusal: errorTextOf(error) }
  }
}

/**
 * Returns a property of the object itself, never an inherited one, because the name comes from the
 * wire.
 */
const ownProperty = (object: unknown, name: string): unknown =>
  isRecord(object) && Object.hasOwn(object, name) ? object[name] : undefined

/**
 * Creates a plugin of typed methods. Pass the type of the methods: a method without a handler, or
 * with other params or another result, then does not compile. Throws PluginError PLUGIN_INVALID if
 * the manifest is not valid.
 *
 * @example
 * ```ts
 * const plugin = definePlugin<{ 'text.shout': { params: { text: string }; result: string } }>({
 *   name: 'shouting',
 *   version: '1.2.0',
 *   handlers: { 'text.shout': ({ text }) => text.toUpperCase() },
 * })
 * ```
 */
export function definePlugin<M extends Methods<M> = AnyMethods>(definition: PluginDefinition<M>): MCPPlugin<M> {
  checkPluginShape(definition)
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
