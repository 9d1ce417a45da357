import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, inArray } from 'drizzle-orm'
import {
  type Fence,
  placeholder,
  type Reader,
  type Statement,
  type StatementParts,
  type StoreNotification,
  statement,
} from '../store.ts'

/** Numbers of ids for which a statement exists. A shorter list is padded with its first id. */
const idListWidths = [1, 8, 16, 32, 64, 128, 256] as const

type IdParams = Record<string, string>
const idPlaceholders = (width: number) => Array.from({ length: width }, (_, index) => placeholder(`id${index}`))

const sessionStatements = new Map(
  idListWidths.map((width) => [
    width,
    statement(({ db, t, shared }: StatementParts<IdParams>) =>
      shared(
        db
          .select({
            id: t.sessions.id,
            revokedAt: t.sessions.revokedAt,
            agentId: t.agents.id,
            incarnation: t.agents.incarnation,
            status: t.agents.status,
          })
          .from(t.sessions)
          .innerJoin(t.agents, eq(t.agents.id, t.sessions.agentId))
          .where(inArray(t.sessions.id, idPlaceholders(width))),
      ).prepare(),
    ),
  ]),
)

const keyStatements = new Map(
  idListWidths.map((width) => [
    width,
    statement(({ db, t, shared }: StatementParts<IdParams>) =>
      shared(
        db
          .select({ id: t.credentials.id, revokedAt: t.credentials.revokedAt })
          .from(t.credentials)
          .where(inArray(t.credentials.id, idPlaceholders(width))),
      ).prepare(),
    ),
  ]),
)

async function loadByIds<R extends { id: string }>(
  tx: Reader,
  statements: ReadonlyMap<number, Statement<IdParams, R>>,
  requested: readonly string[],
): Promise<Map<string, R>> {
  const ids = [...new Set(requested)]
  if (ids.length === 0) return new Map()
  const width = idListWidths.find((candidate) => candidate >= ids.length)
  const query = width === undefined ? undefined : statements.get(width)
  if (width === undefined || !query) throw new Error(`a batch has at most ${idListWidths.at(-1)} principals`)
  const params: IdParams = {}
  for (let index = 0; index < width; index += 1) params[`id${index}`] = ids[index] ?? ids[0] ?? ''
  return new Map((await tx.run(query, params)).map((row) => [row.id, row]))
}

/** A target that has ended: an incarnation, a session or a key. */
export interface Invalidation {
  readonly target: `agent ${string}` | `session ${string}` | `key ${string}`
  /** Number of the ended incarnation. */
  readonly incarnation?: number
}

/** A reason to reject a write, and the error for its caller. */
export interface FenceViolation {
  readonly invalidation: Invalidation
  readonly error: CoordinationError
}

/** Returns the targets that an operation has ended, according to its notification. */
export function invalidationsOf(notification: StoreNotification): readonly Invalidation[] {
  if (notification.topic === 'incarnation')
    return [{ target: `agent ${notification.agentId}`, incarnation: notification.incarnation - 1 }]
  if (notification.topic !== 'revoked') return []
  const sessions = notification.sessions.map((id) => ({ target: `session ${id}` }) as const)
  return notification.key === undefined ? sessions : [...sessions, { target: `key ${notification.key}` }]
}

/** Returns the targets that a fence refers to. */
export const targetsOf = (fence: Fence): readonly Invalidation['target'][] =>
  'credentialId' in fence ? [`key ${fence.credentialId}`] : [`agent ${fence.agentId}`, `session ${fence.sessionId}`]

const revokedError = (what: string) => new CoordinationError('TOKEN_REVOKED', `this ${what} has been revoked`)

type SessionRow = Awaited<ReturnType<typeof loadSessions>> extends Map<string, infer R> ? R : never

const loadSessions = (tx: Reader, ids: readonly string[]) => loadByIds(tx, sessionStatements, ids)

function fenceViolationsOf(
  { sessionId, agentId, incarnation }: Extract<Fence, { sessionId: string }>,
  row: SessionRow | undefined,
): FenceViolation[] {
  const invalidation = { target: `agent ${agentId}`, incarnation } as const
  if (!row || row.agentId !== agentId || row.status === 'unregistered')
    return [{ invalidation, error: new CoordinationError('TOKEN_REVOKED', 'this agent has been unregistered') }]
  const violations: FenceViolation[] = []
  if (row.incarnation !== incarnation) {
    const error = new CoordinationError(
      'STALE_INCARNATION',
      `incarnation ${incarnation} was superseded by ${row.incarnation}`,
    )
    violations.push({ invalidation, error })
  }
  if (row.revokedAt !== null)
    violations.push({ invalidation: { target: `session ${sessionId}` }, error: revokedError('session') })
  return violations
}

/**
 * Finds the fences whose holder may no longer write, with all reasons. It runs at the end of the
 * batch, with one query for all sessions. A takeover or a revocation changes the same rows, so it
 * has either committed before, and this query sees it, or it commits after this batch. Keys write
 * rarely and have a query of their own.
 */
export async function findFenceViolations(
  tx: Reader,
  fences: readonly Fence[],
): Promise<Map<Fence, readonly FenceViolation[]>> {
  const found = new Map<Fence, readonly FenceViolation[]>()
  const ids = { sessions: [] as string[], keys: [] as string[] }
  for (const fence of fences) {
    if ('credentialId' in fence) ids.keys.push(fence.credentialId)
    else ids.sessions.push(fence.sessionId)
  }
  // Sent together: with PostgreSQL the queries share one round trip.
  const [sessions, keys] = await Promise.all([loadSessions(tx, ids.sessions), loadByIds(tx, keyStatements, ids.keys)])
  for (const fence of fences) {
    if ('sessionId' in fence) {
      const violations = fenceViolationsOf(fence, sessions.get(fence.sessionId))
      if (violations.length > 0) found.set(fence, violations)
    } else if (keys.get(fence.credentialId)?.revokedAt !== null)
      found.set(fence, [{ invalidation: { target: `key ${fence.credentialId}` }, error: revokedError('key') }])
  }
  return found
}
