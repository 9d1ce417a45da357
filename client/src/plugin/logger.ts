import type { PluginLogger } from './plugin.ts'

/**
 * Creates a logger that writes lines with the plugin's name to standard error. Debug lines are
 * dropped.
 */
export const createLogger = (name: string): PluginLogger => {
  const line =
    (level: string) =>
    (...values: unknown[]) =>
      console.error(`[${name}] ${level}`, ...values)
  return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') }
}
