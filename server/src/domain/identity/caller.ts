import type { Principal } from '../principal.ts'

/** The sender of a call: its identity, as far as it is established, and its address. */
export interface Caller {
  readonly identity: CallerIdentity
  /** The network address; undefined if it is not known. */
  readonly address?: string | undefined
}

/** The principal, or the reason for its absence and whether the caller sent a credential at all. */
export type CallerIdentity =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly error: Error; readonly hasCredential: boolean }

/** The caller of a procedure that needs no credential. */
export const anonymousPrincipal: Principal = {
  subject: 'nobody',
  project: '',
  role: 'observer',
  capabilities: [],
  agent: undefined,
  expiresAt: Number.POSITIVE_INFINITY,
}
