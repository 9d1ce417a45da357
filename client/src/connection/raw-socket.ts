/** An open or opening WebSocket, of whatever makes them where this runs. */
export interface RawSocket {
  send(text: string): void
  /** Says goodbye, and is gone within a second whatever the other side does. */
  close(): void
  /** Gone at once, without a word. `onClose` follows. */
  terminate(): void
}

export interface RawSocketEvents {
  readonly onOpen: () => void
  readonly onText: (text: string) => void
  /** Once, whatever ended it. Without a close frame the code is 1006. */
  readonly onClose: (code: number, reason: string) => void
}

/** What this process has used. */
export interface ResourceUsage {
  /** Time of all cores since it began, in milliseconds. */
  readonly cpuMs: number
  /** Resident, in bytes. */
  readonly memoryBytes: number
}

/** How long the other side may take to answer a close before the socket is dropped, in milliseconds. */
export const closeTimeoutMs = 1_000
