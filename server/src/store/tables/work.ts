import { taskStatuses } from '@tony/mcp-shared/tasks'
import { sql } from 'drizzle-orm'
import { type Columns, words } from '../columns.ts'
import type { People } from './people.ts'

/** Tasks, what they wait for, who may take them, and the plans they come from. */
export function defineWork(c: Columns, { projects, agents }: People) {
  /** A set of conditions on who may claim: tasks that ask the same share a route, and a claim looks only at its own routes. */
  const routes = c.table(
    'routes',
    {
      id: c.identity('id'),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      requires: c.text('requires').notNull(),
      assignedTo: c.text('assigned_to').notNull(),
    },
    (t) => [c.uniqueIndex('routes_conditions').on(t.projectId, t.requires, t.assignedTo)],
  )

  const tasks = c.table(
    'tasks',
    {
      /** Order of creation. */
      ord: c.identity('ord'),
      id: c.text('id').notNull().unique(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      externalId: c.text('external_id'),
      /** Hash of the plan's row it was last imported from. */
      planHash: c.text('plan_hash'),
      /** The seed's name for the holder of the lease, or who completed it. */
      agentId: c.text('agent_id').references(() => agents.id),
      type: c.text('type').notNull(),
      epic: c.text('epic'),
      story: c.text('story'),
      title: c.text('title'),
      description: c.text('description'),
      parentId: c.text('parent_id'),
      requires: c.text('requires').notNull(),
      assignedTo: c.text('assigned_to'),
      priority: c.integer('priority').notNull(),
      status: c.text('status').notNull(),
      /** Its route's id. */
      routeId: c
        .integer('route_id')
        .notNull()
        .references(() => routes.id),
      /** The same, while it can be claimed at once; null otherwise. What the claim index holds. */
      ready: c.integer('ready'),
      dependencies: c.integer('dependencies').notNull().default(0),
      /** How many of them are not completed. */
      openDeps: c.integer('open_deps').notNull().default(0),
      attempt: c.integer('attempt').notNull().default(0),
      failures: c.integer('failures').notNull().default(0),
      maxAttempts: c.integer('max_attempts').notNull(),
      notBefore: c.integer('not_before'),
      incarnation: c.integer('incarnation'),
      leaseToken: c.text('lease_token'),
      leaseMs: c.integer('lease_ms'),
      leaseExpiresAt: c.integer('lease_expires_at'),
      /** Heartbeats in a row that did not list this lease. */
      unlistedBeats: c.integer('unlisted_beats').notNull().default(0),
      progress: c.text('progress'),
      result: c.text('result'),
      error: c.text('error'),
      revision: c.integer('revision').notNull().default(1),
      metadata: c.text('metadata').notNull(),
      createdBy: c.text('created_by'),
      createdAt: c.integer('created_at').notNull(),
      completedAt: c.integer('completed_at'),
    },
    (t) => [
      c.uniqueIndex('tasks_external').on(t.projectId, t.externalId),
      // With the project first in each: without statistics SQLite takes two equalities on `tasks_status` for better than a
      // range on a partial index, and the sweeps would walk every pending task four times a second.
      c.index('tasks_ready').on(t.projectId, t.ready, t.priority, t.ord).where(sql`ready is not null`),
      c.index('tasks_due').on(t.projectId, t.notBefore).where(sql`status = 'pending' and ready is null`),
      c.index('tasks_leases').on(t.projectId, t.leaseExpiresAt).where(sql`status = 'in_progress'`),
      c.index('tasks_held').on(t.agentId, t.status).where(sql`status = 'in_progress'`),
      c.index('tasks_status').on(t.projectId, t.status, t.ord),
      c.index('tasks_created').on(t.projectId, t.ord),
      c.index('tasks_epic').on(t.projectId, t.epic, t.ord).where(sql`epic is not null`),
      c.index('tasks_parent').on(t.parentId, t.ord).where(sql`parent_id is not null`),
      c.check('tasks_status_known', sql`status in (${words(taskStatuses)})`),
      c.check(
        'tasks_lease_with_holder',
        sql`status <> 'in_progress' or (lease_token is not null and agent_id is not null)`,
      ),
      c.check('tasks_ready_is_pending', sql`ready is null or (status = 'pending' and open_deps = 0)`),
      c.check('tasks_deps_counted', sql`open_deps >= 0`),
    ],
  )

  const taskDependencies = c.table(
    'task_dependencies',
    {
      taskId: c
        .text('task_id')
        .notNull()
        .references(() => tasks.id),
      dependsOnId: c
        .text('depends_on_id')
        .notNull()
        .references(() => tasks.id),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.dependsOnId] }), c.index('task_dependents').on(t.dependsOnId)],
  )

  const plans = c.table('plans', {
    id: c.text('id').primaryKey(),
    projectId: c
      .text('project_id')
      .notNull()
      .references(() => projects.id),
    name: c.text('name').notNull(),
    status: c.text('status').notNull().default('open'),
    createdBy: c.text('created_by'),
    createdAt: c.integer('created_at').notNull(),
  })

  const planRows = c.table(
    'plan_rows',
    {
      ord: c.identity('ord'),
      planId: c
        .text('plan_id')
        .notNull()
        .references(() => plans.id),
      externalId: c.text('external_id').notNull(),
      spec: c.text('spec').notNull(),
    },
    (t) => [c.uniqueIndex('plan_rows_external').on(t.planId, t.externalId)],
  )

  return { routes, tasks, taskDependencies, plans, planRows }
}
