import type { ConnectFault } from './connect-fault.ts'

/** An open or opening WebSocket of Node or of a browser. */
export interface RawSocket {
  send(text: string): void
  /** Sends a close frame. The socket is closed within a second, whether the peer answers or not. */
  close(): void
  /** Drops the socket at once, without a close frame. `onClose` follows. */
  terminate(): void
}

export interface RawSocketEvents {
  readonly onOpen: () => void
  readonly onText: (text: string) => void
  /**
   * Called once, after any kind of end. Without a close frame the code is 1006. `fault` is the
   * reason why the socket never opened.
   */
  readonly onClose: (code: number, reason: string, fault?: ConnectFault) => void
}

/** Resources used by this process. */
export interface ResourceUsage {
  /** CPU time on all cores since the start of the process, in milliseconds. */
  readonly cpuMs: number
  /** Resident memory, in bytes. */
  readonly memoryBytes: number
}

/** Time for the peer to answer a close frame before the socket is dropped, in milliseconds. */
export const closeTimeoutMs = 1_000
