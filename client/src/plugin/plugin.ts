import { shareClass } from '../api/shared-class.ts'
import type { MCP, MCPRequest, MCPResponse, Untyped } from '../tony/shapes.ts'

/** A dependency that a plugin declares. */
export interface PluginDependency {
  readonly name: string
  /** Version range in npm's syntax: `^1.2.0`, `>=1 <3`, `1.x || 2.x`. */
  readonly version: string
  /** True if the plugin also runs without it. Default: false. */
  readonly optional?: boolean
}

/** Logger of a plugin. Each call writes one line. */
export interface PluginLogger {
  debug(...args: unknown[]): void
  info(...args: unknown[]): void
  warn(...args: unknown[]): void
  error(...args: unknown[]): void
}

/** Another plugin, as its dependent uses it. */
export interface Dependency {
  readonly name: string
  readonly version: string
  /**
   * Runs the plugin in this process, or by a `plugin.execute` request if it is hosted elsewhere.
   * Rejects with its error.
   */
  execute(params?: unknown): Promise<Untyped>
}

/** The context of a plugin's run. */
export interface TonyContext {
  /** Version of Tony: `2.8.0`. */
  readonly version: string
  readonly logger: PluginLogger
  /** Objects that the host provides, by name. */
  readonly services: Readonly<Record<string, Untyped>>
  readonly mcp: MCP
  /** Params of the request, in `execute` only; null if it has none. */
  readonly params?: Untyped
  /** The request, in `execute` only. */
  readonly request?: MCPRequest
  /** Returns a dependency; undefined if an optional one is missing. */
  getDependency(name: string): Dependency | undefined
}

/** A plugin of Tony 2.6 or 2.7, and the base of every later one. */
export interface TonyPlugin {
  readonly name: string
  /** Version of the plugin, such as `1.2.3`. */
  readonly version: string
  readonly description?: string
  readonly author?: string
  readonly keywords?: readonly string[]
  /** Oldest version of Tony that it supports, such as `2.7.0`. Default: any. */
  readonly minTonyVersion?: string
  /** Newest version of Tony that it supports, such as `2.8.0`. Default: any. */
  readonly maxTonyVersion?: string
  /** Machine capabilities that it requires: `file-system`, `git`, … */
  readonly requiredCapabilities?: readonly string[]
  /** Plugins that it needs. Default: none. */
  readonly dependencies?: readonly PluginDependency[]
  /** Runs once for each installation, and again after an exception. */
  onInstall?(context: TonyContext): unknown
  /** Runs at each start. An exception ends the start. */
  onActivate?(context: TonyContext): unknown
  /** Runs at each stop. An exception is logged. */
  onDeactivate?(context: TonyContext): unknown
  /** Runs at an uninstall, after `onDeactivate`. */
  onUninstall?(context: TonyContext): unknown
  /** Handles the requests `plugin.execute` and `{name}.execute`. Returns the result. */
  execute?(context: TonyContext): Untyped
  /** Returns the state to keep until the next start, as a JSON value. */
  getState?(): unknown
  /** Receives at a start the result of `getState` at the last stop. */
  setState?(state: Untyped): unknown
  /** Takes precedence over `setState`. */
  restoreState?(state: Untyped): unknown
  /** Runs at each stop, for a plugin that stores its state elsewhere. */
  saveState?(): unknown
  /** Runs at each start after `setState`, for a plugin that stores its state elsewhere. */
  loadState?(): unknown
  getDependency?(name: string): unknown
}

/**
 * The params and results of a plugin's methods: `{ 'text.shout': { params: { text: string };
 * result: string } }`.
 */
export type Methods<M> = { readonly [K in keyof M]: { readonly params: unknown; readonly result: unknown } }

/** The methods of a plugin without declared types. */
export type AnyMethods = Readonly<Record<string, { readonly params: Untyped; readonly result: Untyped }>>

/** A plugin that is an agent and handles requests. */
export interface MCPPlugin<M extends Methods<M> = AnyMethods> extends TonyPlugin {
  /**
   * Receives the server before `onActivate`. `mcp.registerAgent` sets the type, the capabilities
   * and the metadata of the plugin's agent.
   */
  registerWithMCP(mcp: MCP): Promise<void> | void
  /** Handles a request. An exception becomes the error `HANDLER_FAILED`. */
  handleMCPRequest(request: MCPRequest): Promise<MCPResponse> | MCPResponse
  /** Returns the names of the methods and the other capabilities of the plugin's agent. */
  getMCPCapabilities(): readonly string[]
  /** Never set: it carries the types of the methods for the compiler. */
  readonly methods?: M
}

const isObject = (value: unknown): value is Partial<Record<string, unknown>> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

export const isTonyPlugin = (value: unknown): value is TonyPlugin =>
  isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string'

/**
 * True if the plugin has the three methods of an MCPPlugin.
 * @example if (isMCPPlugin(plugin)) console.log(plugin.getMCPCapabilities())
 */
export const isMCPPlugin = (plugin: TonyPlugin): plugin is MCPPlugin =>
  ['registerWithMCP', 'handleMCPRequest', 'getMCPCapabilities'].every(
    (method) => typeof Reflect.get(plugin, method) === 'function',
  )

/**
 * Code of a PluginError: the manifest, the version of Tony, a required capability or a dependency
 * does not fit.
 */
export type PluginErrorCode = 'PLUGIN_INVALID' | 'PLUGIN_VERSION' | 'PLUGIN_CAPABILITY' | 'PLUGIN_DEPENDENCY'

/**
 * The error of a plugin that cannot run. Its message contains the necessary change.
 * @example if (error instanceof PluginError) console.error(error.code, error.message)
 */
export class PluginError extends Error {
  override readonly name = 'PluginError'
  readonly code: PluginErrorCode

  constructor(code: PluginErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

shareClass(PluginError, 'PluginError')
