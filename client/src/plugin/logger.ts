import type { PluginLogger } from './plugin.ts'

/** What plugins say goes to standard error, with their name. */
export const createLogger = (name: string): PluginLogger => {
  const line =
    (level: string) =>
    (...said: unknown[]) =>
      console.error(`[${name}] ${level}`, ...said)
  return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') }
}
