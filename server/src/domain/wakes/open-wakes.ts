import { type OpenWake, openWake, type WakeProviderName, wakeProvider } from '@tony/mcp-shared/wakes'
import { and, eq, isNull } from 'drizzle-orm'
import { iso } from '../../platform/times.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

export type WakeRow = Tables['wakes']['$inferSelect']

/** Wakes that one statement reads or ends. */
export const wakeLimit = 100

const findOpenWakes = statement(({ db, t, p }: StatementParts<{ agentId: string; limit: number }>) =>
  db
    .select()
    .from(t.wakes)
    .where(and(eq(t.wakes.agentId, p.agentId), equalsLiteral(t.wakes.status, 'requested'), isNull(t.wakes.endedAt)))
    .orderBy(t.wakes.requestedAt, t.wakes.id)
    .limit(placeholder('limit'))
    .prepare(),
)

/** Returns the requested wakes of an agent, oldest first. */
export const openWakesOf = (reader: Reader, agentId: string): Promise<WakeRow[]> =>
  reader.run(findOpenWakes, { agentId, limit: wakeLimit })

export const triedProvidersOf = ({ tried }: Pick<WakeRow, 'tried'>): WakeProviderName[] =>
  tried === '' ? [] : tried.split(',').map((word) => wakeProvider.parse(word))

export const toOpenWake = (row: WakeRow): OpenWake =>
  openWake.parse({
    id: row.id,
    reason: row.reason,
    subject: row.subject,
    requestedAt: iso(row.requestedAt),
    tried: triedProvidersOf(row),
  })
