import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, inArray } from 'drizzle-orm'
import { type Fence, placeholder, type Query, type Reader, type Statement, statement, type Wake } from '../store.ts'

/** Statements for up to so many at once; a shorter list is padded by repeating its first. */
const widths = [1, 8, 64] as const

type Ids = Record<string, string>
const idsOf = (width: number) => Array.from({ length: width }, (_, index) => placeholder(`id${index}`))

const sessionsById = new Map(
  widths.map((width) => [
    width,
    statement(({ db, t, shared }: Query<Ids>) =>
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
          .where(inArray(t.sessions.id, idsOf(width))),
      ).prepare(),
    ),
  ]),
)

const keysById = new Map(
  widths.map((width) => [
    width,
    statement(({ db, t, shared }: Query<Ids>) =>
      shared(
        db
          .select({ id: t.credentials.id, revokedAt: t.credentials.revokedAt })
          .from(t.credentials)
          .where(inArray(t.credentials.id, idsOf(width))),
      ).prepare(),
    ),
  ]),
)

async function byId<R extends { id: string }>(
  tx: Reader,
  statements: ReadonlyMap<number, Statement<Ids, R>>,
  wanted: readonly string[],
): Promise<Map<string, R>> {
  const ids = [...new Set(wanted)]
  if (ids.length === 0) return new Map()
  const width = widths.find((candidate) => candidate >= ids.length)
  const query = width === undefined ? undefined : statements.get(width)
  if (width === undefined || !query) throw new Error(`a batch has at most ${widths.at(-1)} principals`)
  const params: Ids = {}
  for (let index = 0; index < width; index += 1) params[`id${index}`] = ids[index] ?? ids[0] ?? ''
  return new Map((await tx.run(query, params)).map((row) => [row.id, row]))
}

/** What can end for its holder: an incarnation, a session, a key. */
export interface End {
  readonly what: `agent ${string}` | `session ${string}` | `key ${string}`
  /** The incarnation that is over. */
  readonly incarnation?: number
}

/** What stands against a write, and why. */
export interface Breach {
  readonly of: End
  readonly error: CoordinationError
}

/** What an operation says, by a wake, to have ended. */
export function endsOf(wake: Wake): readonly End[] {
  if (wake.topic === 'incarnation') return [{ what: `agent ${wake.agentId}`, incarnation: wake.incarnation - 1 }]
  if (wake.topic !== 'revoked') return []
  const sessions = wake.sessions.map((id) => ({ what: `session ${id}` }) as const)
  return wake.key === undefined ? sessions : [...sessions, { what: `key ${wake.key}` }]
}

/** Everything a fence names. */
export const endsNamedBy = (fence: Fence): readonly End['what'][] =>
  'credentialId' in fence ? [`key ${fence.credentialId}`] : [`agent ${fence.agentId}`, `session ${fence.sessionId}`]

const revoked = (what: string) => new CoordinationError('TOKEN_REVOKED', `this ${what} has been revoked`)

type SessionRow = Awaited<ReturnType<typeof sessionRows>> extends Map<string, infer R> ? R : never

const sessionRows = (tx: Reader, ids: readonly string[]) => byId(tx, sessionsById, ids)

function breachesOfSession(
  { sessionId, agentId, incarnation }: Extract<Fence, { sessionId: string }>,
  row: SessionRow | undefined,
): Breach[] {
  const agent = { what: `agent ${agentId}`, incarnation } as const
  if (!row || row.agentId !== agentId || row.status === 'unregistered')
    return [{ of: agent, error: new CoordinationError('TOKEN_REVOKED', 'this agent has been unregistered') }]
  const breaches: Breach[] = []
  if (row.incarnation !== incarnation) {
    const error = new CoordinationError(
      'STALE_INCARNATION',
      `incarnation ${incarnation} was superseded by ${row.incarnation}`,
    )
    breaches.push({ of: agent, error })
  }
  if (row.revokedAt !== null) breaches.push({ of: { what: `session ${sessionId}` }, error: revoked('session') })
  return breaches
}

/**
 * Who of these may no longer write, each with everything that stands against it. One query for the sessions of the whole
 * batch, at its end: a takeover or a revocation changes the same rows, so it has either committed before, and is seen
 * here, or it comes after this batch. Keys that write by themselves are few, and have one of their own.
 */
export async function fencedOff(tx: Reader, fences: readonly Fence[]): Promise<Map<Fence, readonly Breach[]>> {
  const off = new Map<Fence, readonly Breach[]>()
  const ids = { sessions: [] as string[], keys: [] as string[] }
  for (const fence of fences) {
    if ('credentialId' in fence) ids.keys.push(fence.credentialId)
    else ids.sessions.push(fence.sessionId)
  }
  const sessions = await sessionRows(tx, ids.sessions)
  const keys = await byId(tx, keysById, ids.keys)
  for (const fence of fences) {
    if ('sessionId' in fence) {
      const breaches = breachesOfSession(fence, sessions.get(fence.sessionId))
      if (breaches.length > 0) off.set(fence, breaches)
    } else if (keys.get(fence.credentialId)?.revokedAt !== null)
      off.set(fence, [{ of: { what: `key ${fence.credentialId}` }, error: revoked('key') }])
  }
  return off
}
