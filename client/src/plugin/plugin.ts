import type { MCP, MCPRequest, MCPResponse, Untyped } from '../tony/shapes.ts'

/** A plugin that another needs. */
export interface PluginDependency {
  readonly name: string
  /** A range as npm knows it: `^1.2.0`, `>=1 <3`, `1.x || 2.x`. */
  readonly version: string
  readonly optional?: boolean
}

export interface PluginLogger {
  debug(...args: unknown[]): void
  info(...args: unknown[]): void
  warn(...args: unknown[]): void
  error(...args: unknown[]): void
}

/** Another plugin, as the one that depends on it sees it. */
export interface Dependency {
  readonly name: string
  readonly version: string
  /** Runs it: here, or by a `plugin.execute` request where it is hosted elsewhere. */
  execute(params?: unknown): Promise<Untyped>
}

/** What a plugin is run with. */
export interface TonyContext {
  /** Of Tony: `2.8.0`. */
  readonly version: string
  readonly logger: PluginLogger
  readonly services: Readonly<Record<string, Untyped>>
  readonly mcp: MCP
  /** Of the request that asks for it; null where there are none. */
  readonly params?: Untyped
  readonly request?: MCPRequest
  /** A plugin this one depends on; undefined where an optional one is not there. */
  getDependency(name: string): Dependency | undefined
}

/** A plugin of Tony 2.6 or 2.7, and what every later one is too. */
export interface TonyPlugin {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly author?: string
  readonly keywords?: readonly string[]
  readonly minTonyVersion?: string
  readonly maxTonyVersion?: string
  /** What it needs of the machine: `file-system`, `git`, … */
  readonly requiredCapabilities?: readonly string[]
  readonly dependencies?: readonly PluginDependency[]
  /** Once for each installation. */
  onInstall?(context: TonyContext): unknown
  /** Each time it starts. What it throws ends the start. */
  onActivate?(context: TonyContext): unknown
  /** Each time it stops. What it throws is logged. */
  onDeactivate?(context: TonyContext): unknown
  /** When it is to be gone. */
  onUninstall?(context: TonyContext): unknown
  execute?(context: TonyContext): Untyped
  /** What is kept over a restart, as JSON. */
  getState?(): unknown
  setState?(state: Untyped): unknown
  /** Goes before `setState`. */
  restoreState?(state: Untyped): unknown
  saveState?(): unknown
  loadState?(): unknown
  getDependency?(name: string): unknown
}

/** What the methods of a plugin take and give: `{ 'text.shout': { params: { text: string }; result: string } }`. */
export type Methods<M> = { readonly [K in keyof M]: { readonly params: unknown; readonly result: unknown } }

/** The methods of a plugin that does not say. */
export type AnyMethods = Readonly<Record<string, { readonly params: Untyped; readonly result: Untyped }>>

export interface MCPPlugin<M extends Methods<M> = AnyMethods> extends TonyPlugin {
  /** Is given the server before it is activated; `mcp.registerAgent` says what the plugin is as an agent. */
  registerWithMCP(mcp: MCP): Promise<void> | void
  handleMCPRequest(request: MCPRequest): Promise<MCPResponse> | MCPResponse
  /** The methods it answers, and any other capability it is found by. */
  getMCPCapabilities(): readonly string[]
  /** Never there: what it takes and gives, for the compiler. */
  readonly methods?: M
}

const isObject = (value: unknown): value is Partial<Record<string, unknown>> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

export const isTonyPlugin = (value: unknown): value is TonyPlugin =>
  isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string'

export const isMCPPlugin = (plugin: TonyPlugin): plugin is MCPPlugin =>
  ['registerWithMCP', 'handleMCPRequest', 'getMCPCapabilities'].every(
    (method) => typeof Reflect.get(plugin, method) === 'function',
  )

export type PluginErrorCode = 'PLUGIN_INVALID' | 'PLUGIN_VERSION' | 'PLUGIN_CAPABILITY' | 'PLUGIN_DEPENDENCY'

/** A plugin that cannot be run as it is. The message says what to change. */
export class PluginError extends Error {
  override readonly name = 'PluginError'
  readonly code: PluginErrorCode

  constructor(code: PluginErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
