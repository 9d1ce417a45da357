import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { isRecord } from '../is-record.ts'

/** The points of a host session at which a host runs a hook that shows messages. */
const messageHookEvents = ['session-start', 'prompt', 'tool', 'stop'] as const
type MessageHookEvent = (typeof messageHookEvents)[number]

/** All hooks. `idle` runs in the background after a turn and wakes the session. */
export const hookEvents = [...messageHookEvents, 'idle'] as const
export type HookEvent = (typeof hookEvents)[number]

/** The least urgent delivery mode that is shown at each point. */
export const leastUrgentModes = {
  'session-start': 'digest',
  prompt: 'digest',
  tool: 'boundary',
  stop: 'turn_end',
} as const satisfies Record<MessageHookEvent, DeliveryMode>

export const hookHosts = ['claude-code', 'codex', 'cursor', 'gemini', 'vscode'] as const
export type HookHost = (typeof hookHosts)[number]

/**
 * True if a hook may continue the turn that ends. A turn that a hook has already continued must
 * end: two agents that reply to each other would otherwise never stop.
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
} as const satisfies Record<MessageHookEvent, string>

const geminiEventNames = {
  'session-start': 'SessionStart',
  prompt: 'BeforeAgent',
  tool: 'AfterTool',
  stop: 'AfterAgent',
} as const satisfies Record<MessageHookEvent, string>

const toHookContext = (hookEventName: string, additionalContext: string) => ({
  hookSpecificOutput: { hookEventName, additionalContext },
})

type HookFormatter = (event: MessageHookEvent, text: string) => unknown

/**
 * Output format of each host: context for the model, or a reason to continue at the end of a turn.
 */
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

/** Returns the output of a hook; empty if there is nothing to show. */
export const formatHookOutput = (event: HookEvent, host: HookHost, text: string): string =>
  text === '' || event === 'idle' ? '' : `${JSON.stringify(formatters[host](event, text))}\n`
