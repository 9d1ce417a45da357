import { sql } from 'drizzle-orm'
import type { Columns } from './columns.ts'

/** Projects and their agents. */
export function defineAgentTables(c: Columns) {
  const projects = c.table('projects', {
    id: c.text('id').primaryKey(),
    name: c.text('name').notNull().unique(),
    path: c.text('path'),
    createdAt: c.integer('created_at').notNull(),
    pausedAt: c.integer('paused_at'),
    /**
     * Number of claim groups; it only grows. A trigger maintains it, and claims compare a cached
     * list of groups with it.
     */
    routes: c.integer('routes').notNull().default(0),
    /**
     * Number of the last event. It is locked last in a batch, so the feed is dense and in commit
     * order.
     */
    seq: c.integer('seq').notNull().default(0),
  })

  /** Epics whose tasks cannot be claimed. */
  const pausedEpics = c.table(
    'paused_epics',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      epic: c.text('epic').notNull(),
      pausedAt: c.integer('paused_at').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.projectId, t.epic] })],
  )

  /** Number of leases that may hold a slot of `pool:<name>` at once. */
  const pools = c.table(
    'pools',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      name: c.text('name').notNull(),
      size: c.integer('size').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.projectId, t.name] })],
  )

  const agents = c.table(
    'agents',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      name: c.text('name').notNull(),
      type: c.text('type').notNull(),
      role: c.text('role').notNull(),
      capabilities: c.text('capabilities').notNull(),
      /**
       * `active` until the agent falls silent (`offline`) or leaves (`unregistered`); `idle` is
       * derived from its leases.
       */
      status: c.text('status').notNull().default('active'),
      incarnation: c.integer('incarnation').notNull().default(1),
      instanceHash: c.text('instance_hash'),
      /** Key that registered the agent. Its instance id counts only together with the same key. */
      credentialId: c.text('credential_id'),
      pausedAt: c.integer('paused_at'),
      /** Time since which this incarnation gets no new work. */
      drainingAt: c.integer('draining_at'),
      registeredAt: c.integer('registered_at').notNull(),
      lastActivity: c.integer('last_activity').notNull(),
      metadata: c.text('metadata').notNull(),
    },
    (t) => [
      c.uniqueIndex('agents_name').on(t.projectId, t.name),
      c.index('agents_silent').on(t.lastActivity).where(sql`status = 'active'`),
    ],
  )

  return { projects, pausedEpics, pools, agents }
}

export type AgentTables = ReturnType<typeof defineAgentTables>
