import type { ErrorCode } from '@tony/mcp-shared/errors'
import type { Caller } from './caller.ts'

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

/** The refusals that concern the identity of the caller. */
const recordedCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'STALE_INCARNATION',
  'FORBIDDEN',
])

/**
 * The number of different denials between two writes. Further ones share one counter per code, so
 * that a flood costs neither memory nor disk.
 */
const maxKinds = 100

/** The denied calls since the last write. Equal denials are one row with a counter. */
export class DenialLog {
  #byKind = new Map<string, Denial>()

  record({ identity, address }: Caller, path: string, code: ErrorCode, requestId: string): void {
    if (!recordedCodes.has(code)) return
    const principal = identity.ok ? identity.principal : undefined
    const caller = {
      project: principal?.project ?? null,
      subject: principal?.subject ?? null,
      address: address ?? null,
    }
    const kind = JSON.stringify([caller, path, code])
    const isFull = this.#byKind.size >= maxKinds && !this.#byKind.has(kind)
    const key = isFull ? code : kind
    const denial = isFull
      ? { project: null, subject: null, address: null, path: 'other', code, requestId }
      : { ...caller, path, code, requestId }
    this.#byKind.set(key, { ...denial, count: (this.#byKind.get(key)?.count ?? 0) + 1 })
  }

  /** True if there are denials that are not written yet. */
  get hasPending(): boolean {
    return this.#byKind.size > 0
  }

  /** Removes and returns the denials since the last call. */
  takePending(): readonly Denial[] {
    const denials = [...this.#byKind.values()]
    this.#byKind = new Map()
    return denials
  }
}
