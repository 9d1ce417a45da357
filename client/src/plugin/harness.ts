import { shareClass } from '../api/shared-class.ts'
import type { AgentConfig, AgentMessage, MCPRequest, MCPResponse } from '../tony/shapes.ts'
import { createMemoryInstallations, type InstallationStore } from './installation.ts'
import { type ActivePlugin, activatePlugin, type PluginSettings, preparePlugin } from './lifecycle.ts'
import { type Answers, createMemoryMCP, type RecordedCalls } from './memory-mcp.ts'
import type { AnyMethods, MCPPlugin, Methods, TonyPlugin } from './plugin.ts'

/** Options of `testPlugin`. */
export interface HarnessOptions extends PluginSettings {
  /**
   * Replies of other agents to the plugin, by method. Without a reply the request rejects with "No
   * agents available for method: {method}". Default: none.
   */
  readonly answers?: Answers
  /** Names and versions of plugins hosted elsewhere, as possible dependencies. Default: none. */
  readonly remotePlugins?: Readonly<Record<string, string>>
  /**
   * Storage of installations. Two harnesses with the same storage simulate a restart. Default:
   * empty.
   */
  readonly installations?: InstallationStore
}

/** A plugin under test, without a server. */
export interface PluginHarness<M extends Methods<M> = AnyMethods> {
  /** Capabilities of the plugin's agent. */
  readonly capabilities: readonly string[]
  /**
   * Calls a method as another agent would. Rejects with PluginAnswerError, whose `code` is that of
   * the plugin's error.
   */
  call<K extends keyof M & string>(method: K, params: M[K]['params']): Promise<M[K]['result']>
  /** Sends an untyped request and returns the whole response. */
  request(request: MCPRequest): Promise<MCPResponse>
  /** Requests of the plugin to other agents, oldest first. */
  readonly requests: readonly MCPRequest[]
  /** Messages that the plugin has broadcast, oldest first. */
  readonly messages: readonly AgentMessage[]
  /** Configurations that the plugin has registered as an agent, newest first. */
  readonly registrations: readonly AgentConfig[]
  /** Stops the plugin as its host would. Default: without an uninstall. */
  stop(options?: { readonly uninstall?: boolean }): Promise<void>
}

/**
 * The error that a plugin replied with instead of a result.
 * @example await assert.rejects(harness.call('check', 5), { code: 'INVALID_PARAMS' })
 */
export class PluginAnswerError extends Error {
  override readonly name = 'PluginAnswerError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

shareClass(PluginAnswerError, 'PluginAnswerError')

const jsonCopyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

async function getResponse(plugin: MCPPlugin, request: MCPRequest): Promise<MCPResponse> {
  try {
    const { success, result, error } = await plugin.handleMCPRequest(request)
    if (error === undefined && success !== false) return { success: true, result: jsonCopyOf(result) }
    const { code = 'HANDLER_FAILED', message = 'the request failed' } = error ?? {}
    return { success: false, error: { code, message } }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { success: false, error: { code: 'HANDLER_FAILED', message } }
  }
}

/**
 * Starts a plugin in memory as its host would, without a server, a network or files. Wraps a plugin
 * of Tony 2.6 or 2.7. Rejects with PluginError if the plugin is refused, and with the errors of
 * `onInstall`, `registerWithMCP` and `onActivate`.
 *
 * @example
 * ```ts
 * const answers = { 'code.review': ({ file }) => `${file} is fine` }
 * const harness = await testPlugin(plugin, { answers })
 * const result = await harness.call('check', 'wall.ts')
 * await harness.stop()
 * ```
 */
export async function testPlugin<M extends Methods<M> = AnyMethods>(
  given: MCPPlugin<M> | TonyPlugin,
  options: HarnessOptions = {},
): Promise<PluginHarness<M>> {
  const plugin = preparePlugin(given, options)
  const recorded: RecordedCalls = { requests: [], messages: [], registrations: [] }
  const now = () => new Date().toISOString()
  const active: ActivePlugin = await activatePlugin(
    plugin,
    {
      mcp: createMemoryMCP(options.answers ?? {}, recorded, now()),
      installations: options.installations ?? createMemoryInstallations(),
      clientInstanceId: crypto.randomUUID(),
      getRemotePlugins: async () => new Map(Object.entries(options.remotePlugins ?? {})),
      now,
    },
    options,
  )
  const request = async (input: MCPRequest): Promise<MCPResponse> => {
    const sent = { id: crypto.randomUUID(), ...input, params: jsonCopyOf(input.params) }
    return { id: sent.id, ...(await getResponse(plugin, sent)) }
  }
  return {
    ...recorded,
    capabilities: active.capabilities,
    request,
    call: async (method, params) => {
      const { result, error } = await request({ method, params })
      if (error) throw new PluginAnswerError(error.code, error.message)
      return result
    },
    stop: ({ uninstall = false } = {}) => active.deactivate({ uninstall }),
  }
}
