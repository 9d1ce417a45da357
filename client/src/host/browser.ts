import { closeTimeoutMs, type RawSocket, type RawSocketEvents, type ResourceUsage } from '../connection/raw-socket.ts'

/** Of the global WebSocket. What is dropped is let go of here; the browser ends it in its own time. */
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

/** A page cannot measure what it uses. */
export const readResourceUsage = (): ResourceUsage | undefined => undefined

/** A page is not asked to end. */
export const onTerminate =
  (_drain: () => Promise<void>): (() => void) =>
  () =>
    undefined

/** A page is not told why a request failed. */
export const isConnectError = (_error: unknown): boolean => false
