import { eq } from 'drizzle-orm'
import { type Query, type Reader, type Store, statement } from '../../store/store.ts'
import type { Gate } from '../agents/admission.ts'
import { type Claimant, mayTake } from './claim-queue.ts'

const allRoutes = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({ id: t.routes.id, requires: t.routes.requires, assignedTo: t.routes.assignedTo })
    .from(t.routes)
    .where(eq(t.routes.projectId, p.project))
    .orderBy(t.routes.id)
    .prepare(),
)

interface Route {
  readonly id: number
  readonly requires: readonly string[]
}

/** So many sets of capabilities are kept at hand. */
const kindsOfAgent = 1_000

/** The routes of a project: those for anyone, and by agent those for one alone. */
class ProjectRoutes {
  readonly count: number
  readonly #byAssignee = new Map<string, Route[]>()
  /** Ids of those for anyone, by what an agent can do. */
  readonly #forAnyone = new Map<string, readonly number[]>()

  constructor(rows: readonly { id: number; requires: string; assignedTo: string }[]) {
    this.count = rows.length
    for (const { id, requires, assignedTo } of rows) {
      const routes = this.#byAssignee.get(assignedTo) ?? []
      routes.push({ id, requires: JSON.parse(requires) })
      this.#byAssignee.set(assignedTo, routes)
    }
  }

  for(claimant: Claimant, capabilities: string): readonly number[] {
    const known = this.#forAnyone.get(capabilities)
    const forAnyone = known ?? this.#open(claimant, '')
    if (this.#forAnyone.size === kindsOfAgent) this.#forAnyone.clear()
    this.#forAnyone.set(capabilities, forAnyone)
    return [...forAnyone, ...this.#open(claimant, claimant.agentId)]
  }

  #open(claimant: Claimant, assignedTo: string): readonly number[] {
    const routes = this.#byAssignee.get(assignedTo) ?? []
    return routes.filter(({ requires }) => mayTake(claimant, requires, assignedTo)).map(({ id }) => id)
  }
}

const readRoutes = async (reader: Reader, project: string): Promise<ProjectRoutes> =>
  new ProjectRoutes(await reader.run(allRoutes, { project }))

/**
 * The routes of each project at hand. Reading them anew costs a claim about a microsecond for each there is, those it may not
 * take among them. They only ever grow, and their number stands in the project's row, which a claim reads anyway.
 */
export class Routes {
  readonly #atHand = new Map<string, ProjectRoutes>()

  /** The ids of the routes a claimant may take. The cost of a claim grows with these, not with the queue. */
  async of(reader: Reader, claimant: Claimant, gate: Gate): Promise<readonly number[]> {
    const atHand = this.#atHand.get(claimant.project)
    const routes = atHand?.count === gate.routes ? atHand : await readRoutes(reader, claimant.project)
    return routes.for(claimant, gate.capabilities)
  }

  /** The store is another one, in which another route may stand under a number that is at hand. */
  forget(): void {
    this.#atHand.clear()
  }

  /**
   * Reads a project's routes where their number has changed. Outside of any transaction: what one sees of its own may never be
   * committed, and another route could then stand under the same number.
   */
  async refresh(store: Store, project: string, count: number): Promise<void> {
    if (this.#atHand.get(project)?.count === count) return
    this.#atHand.set(project, await store.read((reader) => readRoutes(reader, project)))
  }
}
