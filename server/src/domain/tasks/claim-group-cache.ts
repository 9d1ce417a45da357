import { eq } from 'drizzle-orm'
import { type Reader, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import type { Admission } from '../agents/admission.ts'
import { type Claimant, canClaim } from './claim-waiters.ts'

const findClaimGroups = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({ id: t.routes.id, requires: t.routes.requires, assignedTo: t.routes.assignedTo })
    .from(t.routes)
    .where(eq(t.routes.projectId, p.project))
    .orderBy(t.routes.id)
    .prepare(),
)

interface ClaimGroup {
  readonly id: number
  readonly requires: readonly string[]
}

/** The number of capability sets in the cache. */
const capabilitySetLimit = 1_000

/** The claim groups of a project: those without an assignee, and those of each assignee. */
class ProjectClaimGroups {
  readonly count: number
  readonly #byAssignee = new Map<string, ClaimGroup[]>()
  /** Ids of the groups without an assignee, by the capabilities of an agent. */
  readonly #unassignedIds = new Map<string, readonly number[]>()

  constructor(rows: readonly { id: number; requires: string; assignedTo: string }[]) {
    this.count = rows.length
    for (const { id, requires, assignedTo } of rows) {
      const groups = this.#byAssignee.get(assignedTo) ?? []
      groups.push({ id, requires: JSON.parse(requires) })
      this.#byAssignee.set(assignedTo, groups)
    }
  }

  idsFor(claimant: Claimant, capabilities: string): readonly number[] {
    const known = this.#unassignedIds.get(capabilities)
    const unassigned = known ?? this.#matchingIds(claimant, '')
    if (this.#unassignedIds.size === capabilitySetLimit) this.#unassignedIds.clear()
    this.#unassignedIds.set(capabilities, unassigned)
    return [...unassigned, ...this.#matchingIds(claimant, claimant.agentId)]
  }

  #matchingIds(claimant: Claimant, assignedTo: string): readonly number[] {
    const groups = this.#byAssignee.get(assignedTo) ?? []
    return groups.filter(({ requires }) => canClaim(claimant, requires, assignedTo)).map(({ id }) => id)
  }
}

const readClaimGroups = async (reader: Reader, project: string): Promise<ProjectClaimGroups> =>
  new ProjectClaimGroups(await reader.run(findClaimGroups, { project }))

/**
 * The claim groups of each project, in memory. To read them again costs a claim about a microsecond
 * for each group of the project, also for groups that it may not take. Groups are only ever added,
 * and their number is in the project's row, which a claim reads anyway.
 */
export class ClaimGroupCache {
  readonly #byProject = new Map<string, ProjectClaimGroups>()

  /**
   * Returns the ids of the groups a claimant may take. The cost of a claim grows with their number,
   * not with the queue.
   */
  async idsFor(tx: Transaction, claimant: Claimant, admission: Admission): Promise<readonly number[]> {
    const { project } = claimant
    const cached = this.#byProject.get(project)
    // The claims of a batch share one read: each of them would read all groups in the same turn.
    const read = () => tx.share('claim groups', () => readClaimGroups(tx, project))
    const groups = cached?.count === admission.groupCount ? cached : await read()
    return groups.idsFor(claimant, admission.capabilities)
  }

  /** Drops all groups after the store was replaced: a cached id may name another group there. */
  clear(): void {
    this.#byProject.clear()
  }

  /**
   * Reads a project's groups if their number has changed. It runs outside any transaction: a group
   * that a transaction sees may never be committed, and another group could then get its id.
   */
  async refresh(store: Store, project: string, count: number): Promise<void> {
    if (this.#byProject.get(project)?.count === count) return
    this.#byProject.set(project, await store.read((reader) => readClaimGroups(reader, project)))
  }
}
