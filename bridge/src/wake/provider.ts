import type { WakeProviderName } from '@tony/mcp-shared/wakes'

/** One way to wake the session of a host. */
export interface WakeProvider {
  readonly name: WakeProviderName
  /** True if the host of this session has it now. */
  isReady(): boolean
  /**
   * Tries to wake the session with a text for its model. The promise rejects if the provider
   * itself reports a failure; that it resolves proves nothing.
   */
  wake(text: string): Promise<void>
}
