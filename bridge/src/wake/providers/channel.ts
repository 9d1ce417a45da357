import type { WakeProvider } from '../provider.ts'

/** Declares a channel to the host, which drops the notifications of an undeclared one. */
export const channelCapability = { 'claude/channel': {} } as const

/** The newest connection of the host. */
export interface HostConnection {
  /** The name by which the host has introduced itself. */
  readonly hostName: () => string | undefined
  readonly notify: (notification: { method: string; params: Record<string, unknown> }) => Promise<void>
}

/**
 * A channel of Claude Code: a notification that begins a turn, if the user has enabled the channel
 * for this server.
 */
export const createChannel = ({ hostName, notify }: HostConnection): WakeProvider => ({
  name: 'channel',
  isReady: () => hostName() === 'claude-code',
  wake: (content) => notify({ method: 'notifications/claude/channel', params: { content, meta: { source: 'tony' } } }),
})
