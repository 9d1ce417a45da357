import { createFileInstallations, loadPlugin, runPlugin } from '@tony/mcp-client/plugin'
import { connectionTargetOf } from '../connection.ts'
import type { ServerOptions } from '../contexts/settings.ts'

export interface RunPluginOptions extends ServerOptions {
  readonly state: string
  readonly uninstall: boolean
}

/** Resolves with the first signal that asks the process to end. */
function waitForSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  return promise
}

/**
 * `tony-mcp plugin run`: hosts a plugin until a signal, and then waits for its running requests. A
 * second signal ends the process at once.
 */
export async function runPluginCommand(file: string, options: RunPluginOptions): Promise<void> {
  const { state, uninstall } = options
  const plugin = await loadPlugin(file)
  const running = await runPlugin(plugin, {
    ...connectionTargetOf(options),
    installations: createFileInstallations(state),
  })
  if (uninstall) {
    await running.stop({ uninstall })
    process.stdout.write(`${plugin.name} ${plugin.version} is uninstalled\n`)
    return
  }
  process.stdout.write(`${plugin.name} ${plugin.version} is running as agent ${running.agentId}\n`)
  const signal = await Promise.race([waitForSignal(), running.stopped])
  if (!signal) throw new Error(`${plugin.name} stopped: its agent was registered elsewhere, or its session was revoked`)
  process.stdout.write(`${signal}: waiting for the running requests\n`)
  await running.stop()
}
