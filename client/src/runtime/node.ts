import WebSocket, { type RawData } from 'ws'
import { type ConnectFault, faultOfCode, faultOfStatus } from '../connection/connect-fault.ts'
import { closeTimeoutMs, type RawSocket, type RawSocketEvents } from '../connection/raw-socket.ts'

/**
 * Opens a socket with `ws`. The global WebSocket cannot drop a connection, so a dead peer would
 * keep the process alive.
 */
export function openRawSocket(url: string, { onOpen, onText, onClose }: RawSocketEvents): RawSocket {
  const ws = new WebSocket(url, { perMessageDeflate: false, maxPayload: 64 * 1_024 * 1_024 })
  ws.on('open', onOpen)
  ws.on('message', (data: RawData) => onText(data.toString()))
  // A `close` event always follows and decides what happens.
  let fault: ConnectFault | undefined
  ws.on('error', (error) => {
    fault = connectFaultOf(error)
  })
  ws.on('close', (code, reason) => onClose(code, reason.toString(), fault))
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

/**
 * Calls `callback` at the end of this turn of the event loop: after all promises that have settled
 * in it and everything that waits for them.
 */
export const atEndOfLoopTurn = (callback: () => void): void => process.nextTick(callback)

/**
 * Returns the reason why no server accepted the connection, from an error of `ws` or of `fetch`.
 * Undefined means that the request may have left this process.
 */
export function connectFaultOf(error: unknown): ConnectFault | undefined {
  const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  const status = error instanceof Error ? /^Unexpected server response: (\d+)/.exec(error.message)?.[1] : undefined
  return status === undefined ? faultOfCode(code) : faultOfStatus(Number(status))
}
