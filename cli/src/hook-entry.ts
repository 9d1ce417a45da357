import { type HookEvent, type HookHost, hookEvents, hookHosts } from '@tony/mcp-bridge/hooks/hook-output'

interface HookArguments {
  readonly event: HookEvent
  readonly host: HookHost
}

/**
 * Returns the arguments of `tony-mcp hook EVENT [--host HOST]` in the form that hosts call.
 * Undefined for any other form, which the program with all its commands handles.
 */
export function parseHookArguments(argv: readonly string[]): HookArguments | undefined {
  const [command, word, option, name, ...rest] = argv
  const event = hookEvents.find((known) => known === word)
  const host = option === undefined ? 'claude-code' : hookHosts.find((known) => option === '--host' && known === name)
  return command === 'hook' && event && host && rest.length === 0 ? { event, host } : undefined
}

export { runHook } from '@tony/mcp-bridge/hooks/hook'
