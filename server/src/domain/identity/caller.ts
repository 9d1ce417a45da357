import type { Principal } from '../principal.ts'

/** Who calls, as far as that could be established, and from where. */
export interface Caller {
  readonly identity: Identity
  /** The network address, where it is known. */
  readonly address?: string | undefined
}

/** The principal, or why there is none and whether a credential was shown at all. */
export type Identity =
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
