import { and, eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

interface ClaimGroupKey {
  project: string
  /** A sorted JSON list. */
  requires: string
  /** An agent's id, or '' for anyone. */
  assignedTo: string
}

const findClaimGroup = statement(({ db, t, p }: StatementParts<ClaimGroupKey>) =>
  db
    .select({ id: t.routes.id })
    .from(t.routes)
    .where(
      and(eq(t.routes.projectId, p.project), eq(t.routes.requires, p.requires), eq(t.routes.assignedTo, p.assignedTo)),
    )
    .prepare(),
)

const insertClaimGroup = statement(({ db, t, p }: StatementParts<ClaimGroupKey>) =>
  db
    .insert(t.routes)
    .values({ projectId: p.project, requires: p.requires, assignedTo: p.assignedTo })
    .onConflictDoNothing()
    .returning({ id: t.routes.id })
    .prepare(),
)

/**
 * Returns the id of the claim group with these conditions. Creates the group for its first task.
 */
export async function ensureClaimGroup(tx: Transaction, conditions: ClaimGroupKey): Promise<number> {
  const [known] = await tx.run(findClaimGroup, conditions)
  if (known) return known.id
  await tx.run(insertClaimGroup, conditions)
  const [created] = await tx.run(findClaimGroup, conditions)
  if (!created) throw new Error('the claim group was deleted during its creation')
  return created.id
}

/** Returns a list of capabilities in the form for comparison: sorted and without duplicates. */
export const canonicalRequires = (requires: readonly string[]): string => JSON.stringify([...new Set(requires)].sort())
