import { sql } from 'drizzle-orm'
import type { Columns } from './columns.ts'

/** Projects, and who works in them. */
export function defineAgentTables(c: Columns) {
  const projects = c.table('projects', {
    id: c.text('id').primaryKey(),
    name: c.text('name').notNull().unique(),
    path: c.text('path'),
    createdAt: c.integer('created_at').notNull(),
    pausedAt: c.integer('paused_at'),
    /** How many routes it has; they only grow. Kept by a trigger: what claims check a list of them at hand against. */
    routes: c.integer('routes').notNull().default(0),
    /** Number of the last event: locked last in a batch, which makes the feed dense and commit-ordered. */
    seq: c.integer('seq').notNull().default(0),
  })

  /** Epics of which nothing is claimed. */
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

  /** How many tasks may hold `pool:<name>` at a time. */
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
      /** `active` until the agent falls silent (`offline`) or leaves (`unregistered`); `idle` is read off its leases. */
      status: c.text('status').notNull().default('active'),
      incarnation: c.integer('incarnation').notNull().default(1),
      instanceHash: c.text('instance_hash'),
      /** The key it was registered with: only with the same one does its instance secret count. */
      credentialId: c.text('credential_id'),
      pausedAt: c.integer('paused_at'),
      /** Since when this incarnation takes nothing new. */
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
