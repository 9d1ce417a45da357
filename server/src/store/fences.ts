import { CoordinationError } from '@tony/mcp-shared/errors'
import { inArray } from 'drizzle-orm'
import { type Fence, placeholder, type Query, type Reader, statement } from './store.ts'

/** Statements for up to so many agents at once; a shorter list is padded by repeating its first. */
const widths = [1, 8, 64] as const

const holders = new Map(
  widths.map((width) => [
    width,
    statement(({ db, t, shared }: Query<Record<string, string>>) => {
      const ids = Array.from({ length: width }, (_, index) => placeholder(`id${index}`))
      return shared(
        db
          .select({ id: t.agents.id, incarnation: t.agents.incarnation, status: t.agents.status })
          .from(t.agents)
          .where(inArray(t.agents.id, ids)),
      ).prepare()
    }),
  ]),
)

/**
 * Which of these incarnations may no longer write, each with why. One query for the whole batch, at its end: a takeover
 * changes the same row, which is kept as it is until the commit: it has either committed before, and is seen here, or it
 * comes after this batch.
 */
export async function fencedOff(tx: Reader, fences: readonly Fence[]): Promise<Map<Fence, CoordinationError>> {
  const off = new Map<Fence, CoordinationError>()
  const ids = [...new Set(fences.map((fence) => fence.agentId))]
  const width = widths.find((candidate) => candidate >= ids.length)
  const query = width === undefined ? undefined : holders.get(width)
  if (width === undefined || !query) throw new Error(`a batch has at most ${widths.at(-1)} principals`)
  const params: Record<string, string> = {}
  for (let index = 0; index < width; index += 1) params[`id${index}`] = ids[index] ?? ids[0] ?? ''
  const rows = new Map((await tx.run(query, params)).map((row) => [row.id, row]))
  for (const fence of fences) {
    const row = rows.get(fence.agentId)
    if (!row || row.status === 'unregistered')
      off.set(fence, new CoordinationError('TOKEN_REVOKED', 'this agent has been unregistered'))
    else if (row.incarnation !== fence.incarnation) {
      off.set(
        fence,
        new CoordinationError(
          'STALE_INCARNATION',
          `incarnation ${fence.incarnation} was superseded by ${row.incarnation}`,
        ),
      )
    }
  }
  return off
}
