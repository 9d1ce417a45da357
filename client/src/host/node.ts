import WebSocket, { type RawData } from 'ws'
import { closeTimeoutMs, type RawSocket, type RawSocketEvents, type ResourceUsage } from '../connection/raw-socket.ts'

/** Of `ws` and not the global one: that cannot be dropped, so one whose peer is gone would keep the process alive. */
export function openRawSocket(url: string, { onOpen, onText, onClose }: RawSocketEvents): RawSocket {
  const ws = new WebSocket(url, { perMessageDeflate: false, maxPayload: 64 * 1_024 * 1_024 })
  ws.on('open', onOpen)
  ws.on('message', (data: RawData) => onText(data.toString()))
  // Always followed by `close`, which decides what happens.
  ws.on('error', () => undefined)
  ws.on('close', (code, reason) => onClose(code, reason.toString()))
  return {
    send: (text) => ws.send(text),
    terminate: () => ws.terminate(),
    close: () => {
      const timer = setTimeout(() => ws.terminate(), closeTimeoutMs)
      ws.once('close', () => clearTimeout(timer))
      ws.close(1000)
    },
  }
}

export function readResourceUsage(): ResourceUsage | undefined {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1_000, memoryBytes: process.memoryUsage.rss() }
}

/**
 * Calls `drain` when the process is asked to end, once. When that is done and nobody else listens, the process ends as it
 * would have. Returns what undoes this.
 */
export function onTerminate(drain: () => Promise<void>): () => void {
  let draining = false
  const removeListener = () => void process.off('SIGTERM', listener)
  // Stays until the drain is done: a second signal must not end the process in the middle of it.
  const listener = () => {
    if (draining) return
    draining = true
    void drain().finally(() => {
      removeListener()
      if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM')
    })
  }
  process.on('SIGTERM', listener)
  return removeListener
}

/** Whether an error of `fetch` says that the request never left: nobody listens there. */
export function isConnectError(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'UND_ERR_CONNECT_TIMEOUT'
}
