import { eq } from 'drizzle-orm'
import { type Query, type Reader, type Store, statement } from '../../store/store.ts'
import type { Admission } from '../agents/admission.ts'
import { type Claimant, canClaim } from './claim-queue.ts'

const findClaimGroups = statement(({ db, t, p }: Query<{ project: string }>) =>
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

/** So many sets of capabilities are kept at hand. */
const capabilitySetLimit = 1_000

/** The routes of a project: those for anyone, and by agent those for one alone. */
class ProjectClaimGroups {
  readonly count: number
  readonly #byAssignee = new Map<string, ClaimGroup[]>()
  /** Ids of those for anyone, by what an agent can do. */
  readonly #unassignedIds = new Map<string, readonly number[]>()

  constructor(rows: readonly { id: number; requires: string; assignedTo: string }[]) {
    this.count = rows.length
    for (const { id, requires, assignedTo } of rows) {
      const routes = this.#byAssignee.get(assignedTo) ?? []
      routes.push({ id, requires: JSON.parse(requires) })
      this.#byAssignee.set(assignedTo, routes)
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
    const routes = this.#byAssignee.get(assignedTo) ?? []
    return routes.filter(({ requires }) => canClaim(claimant, requires, assignedTo)).map(({ id }) => id)
  }
}

const readClaimGroups = async (reader: Reader, project: string): Promise<ProjectClaimGroups> =>
  new ProjectClaimGroups(await reader.run(findClaimGroups, { project }))

/**
 * The routes of each project at hand. Reading them anew costs a claim about a microsecond for each there is, those it may not
 * take among them. They only ever grow, and their number stands in the project's row, which a claim reads anyway.
 */
export class ClaimGroupCache {
  readonly #byProject = new Map<string, ProjectClaimGroups>()

  /** The ids of the routes a claimant may take. The cost of a claim grows with these, not with the queue. */
  async idsFor(reader: Reader, claimant: Claimant, admission: Admission): Promise<readonly number[]> {
    const cached = this.#byProject.get(claimant.project)
    const groups = cached?.count === admission.groupCount ? cached : await readClaimGroups(reader, claimant.project)
    return groups.idsFor(claimant, admission.capabilities)
  }

  /** The store is another one, in which another route may stand under a number that is at hand. */
  clear(): void {
    this.#byProject.clear()
  }

  /**
   * Reads a project's routes where their number has changed. Outside of any transaction: what one sees of its own may never be
   * committed, and another route could then stand under the same number.
   */
  async refresh(store: Store, project: string, count: number): Promise<void> {
    if (this.#byProject.get(project)?.count === count) return
    this.#byProject.set(project, await store.read((reader) => readClaimGroups(reader, project)))
  }
}
