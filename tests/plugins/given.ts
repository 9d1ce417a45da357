import {
  createMemoryInstallations,
  type RunningPlugin,
  type RunOptions,
  runPlugin,
  type TonyPlugin,
} from '@tony/mcp-client/plugin'
import type { TestServer } from '../support/server.ts'

/** Collects the log of plugins instead of printing it. */
export function quiet(): {
  logger: Record<'debug' | 'info' | 'warn' | 'error', (...said: unknown[]) => void>
  said: unknown[][]
} {
  const said: unknown[][] = []
  const keep = (...words: unknown[]) => void said.push(words)
  return { logger: { debug: keep, info: keep, warn: keep, error: keep }, said }
}

/** Runs a plugin on a server of the test. */
export const run = (server: TestServer, plugin: TonyPlugin, options: RunOptions = {}): Promise<RunningPlugin> =>
  runPlugin(plugin, { url: server.url, installations: createMemoryInstallations(), logger: quiet().logger, ...options })

/** Returns a plugin whose hooks return no promise and record their calls. */
export function hooked(name = 'hooked', more: Partial<TonyPlugin> = {}): { plugin: TonyPlugin; seen: string[] } {
  const seen: string[] = []
  const note = (hook: string) => () => void seen.push(hook)
  const plugin: TonyPlugin = {
    name,
    version: '1.0.0',
    onInstall: note('onInstall'),
    onActivate: note('onActivate'),
    onDeactivate: note('onDeactivate'),
    onUninstall: note('onUninstall'),
    execute: () => 'done',
    ...more,
  }
  return { plugin, seen }
}
