import type { ConnectFault } from '../connection/connect-fault.ts'
import { closeTimeoutMs, type RawSocket, type RawSocketEvents } from '../connection/raw-socket.ts'

/**
 * Opens a socket with the global WebSocket. A dropped socket counts as closed at once; the browser
 * closes it later.
 */
export function openRawSocket(url: string, { onOpen, onText, onClose }: RawSocketEvents): RawSocket {
  const ws = new WebSocket(url)
  let over = false
  const end = (code: number, reason: string) => {
    if (over) return
    over = true
    onClose(code, reason)
  }
  const terminate = () => {
    ws.close()
    end(1006, '')
  }
  ws.addEventListener('open', () => {
    if (!over) onOpen()
  })
  ws.addEventListener('message', ({ data }) => {
    if (!over) onText(String(data))
  })
  ws.addEventListener('close', ({ code, reason }) => end(code, reason))
  return {
    send: (text) => ws.send(text),
    terminate,
    close: () => {
      const timer = setTimeout(terminate, closeTimeoutMs)
      ws.addEventListener('close', () => clearTimeout(timer))
      ws.close(1000)
    },
  }
}

/** Calls `callback` after the current task. A page has no later point in the same turn. */
export const atEndOfLoopTurn = (callback: () => void): void => queueMicrotask(callback)

/** Returns undefined: a page does not learn why an HTTP request failed. */
export const connectFaultOf = (_error: unknown): ConnectFault | undefined => undefined
