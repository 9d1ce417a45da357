import type { AgentConfig, AgentMessage, MCPRequest, MCPResponse } from '../tony/shapes.ts'
import { type Installations, installationsInMemory } from './installation.ts'
import { type ActivePlugin, activate, type PluginSettings, prepare } from './lifecycle.ts'
import { type Answers, createMemoryMCP, type RecordedCalls } from './memory-mcp.ts'
import type { AnyMethods, MCPPlugin, Methods, TonyPlugin } from './plugin.ts'

export interface HarnessOptions extends PluginSettings {
  /** What other agents answer the plugin, by method. Without one: "No agents available for method: {method}". */
  readonly answers?: Answers
  /** Plugins hosted elsewhere, name and version, which it may depend on. */
  readonly remotePlugins?: Readonly<Record<string, string>>
  /** Give the same to two harnesses, and the second is a restart of the first. Default: nothing is installed. */
  readonly installations?: Installations
}

/** A plugin under test, without a server. */
export interface PluginHarness<M extends Methods<M> = AnyMethods> {
  readonly capabilities: readonly string[]
  /** Calls a method as another agent would; rejects with the error it answers, whose `code` is the answer's. */
  call<K extends keyof M & string>(method: K, params: M[K]['params']): Promise<M[K]['result']>
  /** The same, untyped, and with the whole answer. */
  request(request: MCPRequest): Promise<MCPResponse>
  /** What the plugin has asked others, oldest first. */
  readonly requests: readonly MCPRequest[]
  /** What it has broadcast, oldest first. */
  readonly messages: readonly AgentMessage[]
  /** What it said of itself as an agent, the last first. */
  readonly registrations: readonly AgentConfig[]
  /** Ends it as its host would. */
  stop(options?: { readonly uninstall?: boolean }): Promise<void>
}

/** What a plugin answers with where it does not answer a result. */
export class PluginAnswerError extends Error {
  override readonly name = 'PluginAnswerError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

async function getResponse(plugin: MCPPlugin, request: MCPRequest): Promise<MCPResponse> {
  try {
    const { success, result, error } = await plugin.handleMCPRequest(request)
    if (error === undefined && success !== false) return { success: true, result: asJson(result) }
    const { code = 'HANDLER_FAILED', message = 'the request failed' } = error ?? {}
    return { success: false, error: { code, message } }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { success: false, error: { code: 'HANDLER_FAILED', message } }
  }
}

/** Starts a plugin as its host would, in memory: no server, no network, no files. A plugin of Tony 2.6 or 2.7 is wrapped. */
export async function testPlugin<M extends Methods<M> = AnyMethods>(
  given: MCPPlugin<M> | TonyPlugin,
  options: HarnessOptions = {},
): Promise<PluginHarness<M>> {
  const plugin = prepare(given, options)
  const recorded: RecordedCalls = { requests: [], messages: [], registrations: [] }
  const now = () => new Date().toISOString()
  const active: ActivePlugin = await activate(
    plugin,
    {
      mcp: createMemoryMCP(options.answers ?? {}, recorded, now()),
      installations: options.installations ?? installationsInMemory(),
      clientInstanceId: crypto.randomUUID(),
      getRemotePlugins: async () => new Map(Object.entries(options.remotePlugins ?? {})),
      now,
    },
    options,
  )
  const request = async (asked: MCPRequest): Promise<MCPResponse> => {
    const sent = { id: crypto.randomUUID(), ...asked, params: asJson(asked.params) }
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
