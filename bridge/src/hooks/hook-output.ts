import type { DeliveryMode } from '@tony/mcp-shared/messages'

/** The points of a session at which a host runs a hook. */
export const hookEvents = ['session-start', 'prompt', 'tool', 'stop'] as const
export type HookEvent = (typeof hookEvents)[number]

/** The least urgent mode of the messages that are shown at each point. */
export const leastUrgentModes = {
  'session-start': 'digest',
  prompt: 'digest',
  tool: 'boundary',
  stop: 'turnEnd',
} as const satisfies Record<HookEvent, DeliveryMode>

export const hookHosts = ['claude-code', 'codex', 'cursor', 'gemini', 'vscode'] as const
export type HookHost = (typeof hookHosts)[number]

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/**
 * Whether a turn that ends may be made to go on: not when it has gone on once already because of a hook. Two agents that answer
 * each other would otherwise never come to rest.
 */
export function mayContinueTurn(input: unknown): boolean {
  if (!isRecord(input)) return true
  const { stop_hook_active: again, loop_count: loops } = input
  return again !== true && !(typeof loops === 'number' && loops > 0)
}

const claudeEventNames = {
  'session-start': 'SessionStart',
  prompt: 'UserPromptSubmit',
  tool: 'PostToolUse',
  stop: 'Stop',
} as const satisfies Record<HookEvent, string>

const geminiEventNames = {
  'session-start': 'SessionStart',
  prompt: 'BeforeAgent',
  tool: 'AfterTool',
  stop: 'AfterAgent',
} as const satisfies Record<HookEvent, string>

const toHookContext = (hookEventName: string, additionalContext: string) => ({
  hookSpecificOutput: { hookEventName, additionalContext },
})

type HookFormatter = (event: HookEvent, text: string) => unknown

/** How each host wants to be told: something for the model to read, or at the end of a turn a reason to go on. */
const formatters: Readonly<Record<HookHost, HookFormatter>> = {
  'claude-code': (event, text) =>
    event === 'stop' ? { decision: 'block', reason: text } : toHookContext(claudeEventNames[event], text),
  codex: (event, text) =>
    event === 'stop' ? { decision: 'block', reason: text } : toHookContext(claudeEventNames[event], text),
  gemini: (event, text) =>
    event === 'stop' ? { decision: 'deny', reason: text } : toHookContext(geminiEventNames[event], text),
  cursor: (event, text) => (event === 'stop' ? { followup_message: text } : { additional_context: text }),
  vscode: (event, text) =>
    event === 'stop'
      ? { hookSpecificOutput: { hookEventName: 'Stop', decision: 'block', reason: text } }
      : toHookContext(claudeEventNames[event], text),
}

/** What a hook prints; nothing when there is nothing to show. */
export const formatHookOutput = (event: HookEvent, host: HookHost, text: string): string =>
  text === '' ? '' : `${JSON.stringify(formatters[host](event, text))}\n`
