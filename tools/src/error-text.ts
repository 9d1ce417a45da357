import { type ErrorCode, internalErrorMessage } from '@tony/mcp-shared/errors'
import { ZodError } from 'zod'

/** Codes of the client and of the tools, which no server sends. */
type LocalErrorCode = 'CONNECTION_LOST' | 'CLIENT_CLOSED' | 'SERVER_UNREACHABLE' | 'NO_SESSION' | 'NO_PROJECT'

/** The next step for a model after an error, by code. */
const nextSteps: Readonly<Record<ErrorCode | LocalErrorCode, string>> = {
  INVALID_INPUT: 'Correct the named fields and call again.',
  UNAUTHENTICATED: 'Tell the user: the credential in the configuration of this MCP server is missing or not valid.',
  TOKEN_EXPIRED: 'Call join, then call again.',
  TOKEN_REVOKED: 'This session was ended by an operator. Stop, and tell the user.',
  STALE_INCARNATION: 'Another session has taken over this agent. Stop working on its tasks, and tell the user.',
  FORBIDDEN:
    'Your role does not allow this. To lead, call join with type "tech-lead"; otherwise ask a lead: send to "role:tech-lead".',
  NOT_FOUND: 'Check the id: use one from a result of these tools.',
  NO_AGENTS_AVAILABLE: 'Call who to see who is here.',
  AGENT_NAME_TAKEN: 'Call join with another name, or without one.',
  STALE_LEASE: 'You do not hold this task any more: stop working on it. Call next_task for another.',
  METHOD_NOT_ALLOWED: 'Tell the user: this server is of another version.',
  STALE_RECEIPT: 'Call inbox: the message comes again if it is still yours.',
  REVISION_CONFLICT: 'Somebody else has changed it: look with explain, then decide again.',
  IDEMPOTENCY_CONFLICT: 'Call again.',
  LOCK_CONFLICT: 'Another task holds it: call again later.',
  CONSUMER_TOO_SLOW: 'Call again.',
  ILLEGAL_TRANSITION: 'Call explain with the task to see its state.',
  DEPENDENCY_CYCLE: 'Take one "dependsOn" of the circle out and call again.',
  ALREADY_EXISTS: 'Choose another name, or use what is there.',
  CURSOR_EXPIRED: 'Call feed without "cursor".',
  CURSOR_AHEAD: 'Call feed without "cursor".',
  PAYLOAD_TOO_LARGE: 'Write the large part to a file and name the file instead.',
  UNSUPPORTED_MEDIA_TYPE: 'Tell the user: this server is of another version.',
  OVERLOADED: 'The server has too much to do. Call again in some seconds.',
  RATE_LIMITED: 'Wait a minute, then call again.',
  INBOX_FULL: 'That inbox is full. Tell a lead, or send to another agent.',
  INTERNAL: 'Call again once; if it fails again, tell the user.',
  SHUTTING_DOWN: 'The server restarts. Call again in some seconds.',
  STORE_UNAVAILABLE: 'The server cannot reach its database. Call again in some seconds.',
  DEADLINE_EXCEEDED: 'It may have taken effect: look with explain or feed before you repeat it.',
  CONNECTION_LOST: 'It may have taken effect: look with explain or feed before you repeat it.',
  CLIENT_CLOSED: 'Call join, then call again.',
  STORAGE_FULL: 'The disk of the server is full. Tell the user.',
  SERVER_UNREACHABLE: 'Tell the user to start it: tony-mcp dev. Then call again: it connects by itself.',
  NO_PROJECT:
    'Tell the user, who may also have named another project in the configuration of this MCP server (TONY_MCP_PROJECT). Then call again.',
  NO_SESSION: 'Call join, and pass "session" of its answer with this call and every later one.',
}

/** An error of the tools, in the same form as an error of the server. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

type ToolErrorCode = keyof typeof nextSteps

const isToolErrorCode = (code: unknown): code is ToolErrorCode =>
  typeof code === 'string' && Object.hasOwn(nextSteps, code)

export const errorCodeOf = (error: unknown): ToolErrorCode | undefined =>
  error instanceof Error && 'code' in error && isToolErrorCode(error.code) ? error.code : undefined

/** Returns the text of an error for a model: its code, its reason and the next step. */
export function toErrorText(error: unknown): string {
  const code = error instanceof ZodError ? 'INVALID_INPUT' : (errorCodeOf(error) ?? 'INTERNAL')
  return `${code}: ${errorReason(code, error)}. ${nextSteps[code]}`
}

function errorReason(code: string, error: unknown): string {
  if (error instanceof ZodError) return error.issues.map(({ message }) => message).join('; ')
  return code === 'INTERNAL' || !(error instanceof Error) ? internalErrorMessage : error.message
}
