import { ProtocolError } from '@modelcontextprotocol/server'
import { CoordinationError, internalErrorMessage } from '@tony/mcp-shared/errors'

/** The error codes of MCP Events and of JSON-RPC. */
export const rpcCodes = {
  invalidParams: -32_602,
  internal: -32_603,
  notFound: -32_011,
  forbidden: -32_012,
  exhausted: -32_013,
  callback: -32_015,
} as const

export const protocolError = (code: number, message: string, data?: object): ProtocolError =>
  new ProtocolError(code, message, data)

/** The reasons of MCP Events. The specification has no others. */
const callbackReasons = new Map([
  ['name_not_resolved', 'connection_refused'],
  ['address_refused', 'connection_refused'],
  ['redirected', 'http_4xx'],
])

/** Returns an error of a webhook in the words of MCP Events. */
export const toCallbackReason = (error: string): string => callbackReasons.get(error) ?? error

/** Returns a refusal of a procedure as an error of MCP Events. */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (!(error instanceof CoordinationError)) return protocolError(rpcCodes.internal, internalErrorMessage)
  const { code, message, details } = error
  const text = `${code}: ${code === 'INTERNAL' ? internalErrorMessage : message}`
  if (details?.['reason'] !== undefined)
    return protocolError(rpcCodes.callback, text, { reason: toCallbackReason(String(details['reason'])) })
  if (details?.['limit'] !== undefined) return protocolError(rpcCodes.exhausted, text, details)
  switch (code) {
    case 'INVALID_INPUT':
      return protocolError(rpcCodes.invalidParams, text)
    case 'NOT_FOUND':
      return protocolError(rpcCodes.notFound, text, { kind: 'subscription' })
    case 'FORBIDDEN':
    case 'UNAUTHENTICATED':
    case 'TOKEN_EXPIRED':
    case 'TOKEN_REVOKED':
    case 'STALE_INCARNATION':
      return protocolError(rpcCodes.forbidden, text)
    default:
      return protocolError(rpcCodes.internal, text, details)
  }
}

/**
 * Returns the cursor from which a reader continues after a gap; undefined if the error is no gap. A
 * cursor of another epoch or from the future is one too.
 */
export function cursorAfterGap(error: unknown): string | undefined {
  if (!(error instanceof CoordinationError)) return undefined
  const { code, details } = error
  if (code !== 'CURSOR_EXPIRED' && code !== 'CURSOR_AHEAD') return undefined
  return String(details?.['earliest'] ?? details?.['cursor'])
}
