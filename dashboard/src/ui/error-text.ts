import { TonyError } from '@tony/mcp-client'

/** The next step of a person after a refusal, by its code. */
const nextSteps: Readonly<Record<string, string>> = {
  FORBIDDEN: 'This key does not allow it: sign in with a key of a higher role.',
  STALE_LEASE: 'The task has changed since: look at it again.',
  ILLEGAL_TRANSITION: 'The task has changed since: look at it again.',
  REVISION_CONFLICT: 'Somebody else has changed it since: look at it again.',
  CONNECTION_LOST: 'It may have taken effect: look before you repeat it.',
  DEADLINE_EXCEEDED: 'It may have taken effect: look before you repeat it.',
  RATE_LIMITED: 'Wait a minute, then try again.',
  OVERLOADED: 'The server has too much to do: try again in some seconds.',
  STORAGE_FULL: 'The disk of the server is full: see the page System.',
  UNAUTHENTICATED: 'Check the key, or ask an admin for one.',
  TOKEN_EXPIRED: 'Ask an admin for another key.',
  TOKEN_REVOKED: 'Ask an admin for another key.',
}

/** Returns an error as a sentence with the next step. */
export function toErrorText(error: unknown): string {
  if (error instanceof TonyError) {
    const step = nextSteps[error.code]
    return step === undefined ? `${error.message} (${error.code})` : `${error.message}. ${step}`
  }
  return error instanceof Error ? error.message : String(error)
}
