import type { ErrorCode } from '@tony/mcp-shared/errors'
import type { Call, Connection, Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

export interface Denial {
  /** Null for a caller without a valid credential. */
  readonly project: string | null
  readonly subject: string | null
  readonly path: string
  readonly code: ErrorCode
  readonly address: string | null
  readonly requestId: string
  readonly count: number
}

/** Refusals that are about who the caller is. */
const codes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'STALE_INCARNATION',
  'FORBIDDEN',
])

/** Different ones kept between two writes; what is beyond is counted together, so that a flood costs no memory and no disk. */
const kindsLimit = 100

/** Denied calls since the last write. Equal ones are one row with a counter. */
export class Denials {
  #kinds = new Map<string, Denial>()

  note({ identity, address }: Connection, path: string, code: ErrorCode, requestId: string): void {
    if (!codes.has(code)) return
    const principal = identity.ok ? identity.principal : undefined
    const who = { project: principal?.project ?? null, subject: principal?.subject ?? null, address: address ?? null }
    const kind = JSON.stringify([who, path, code])
    const full = this.#kinds.size >= kindsLimit && !this.#kinds.has(kind)
    const key = full ? code : kind
    const denial = full
      ? { project: null, subject: null, address: null, path: 'other', code, requestId }
      : { ...who, path, code, requestId }
    this.#kinds.set(key, { ...denial, count: (this.#kinds.get(key)?.count ?? 0) + 1 })
  }

  /** Whether anything is not written yet. */
  get pending(): boolean {
    return this.#kinds.size > 0
  }

  /** Takes what there is since the last call. */
  take(): readonly Denial[] {
    const denials = [...this.#kinds.values()]
    this.#kinds = new Map()
    return denials
  }
}

/** Notes the calls that are refused for who the caller is. */
export const denials: Guard =
  ({ connection, path, requestId }: Call) =>
  (outcome) => {
    if (!outcome.ok) connection.parts.denials.note(connection, path, toCoordinationError(outcome.error).code, requestId)
  }
