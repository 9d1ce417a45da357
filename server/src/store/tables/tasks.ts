import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import { defaultStartToCloseMs } from '@tony/mcp-shared/tasks'
import { sql } from 'drizzle-orm'
import type { AgentTables } from './agents.ts'
import { type Columns, quotedList } from './columns.ts'

/** Tasks, their dependencies, claim groups, locks and plans. */
export function defineTaskTables(c: Columns, { projects, agents }: AgentTables) {
  /**
   * Claim groups. Tasks with the same required capabilities and assignee share a row, and a claim
   * reads only the groups its agent qualifies for.
   */
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
      projectId: c.reference('project_id', () => projects.id).notNull(),
      externalId: c.text('external_id'),
      /**
       * Status and hash of the plan row of the last import, as `pending.<hash>`. Without a status
       * if an older version has imported it.
       */
      planHash: c.text('plan_hash'),
      /**
       * Holder of the lease, or the agent that completed the task. The column's name is that of the
       * original schema.
       */
      agentId: c.reference('agent_id', () => agents.id),
      type: c.text('type').notNull(),
      epic: c.text('epic'),
      story: c.text('story'),
      title: c.text('title'),
      description: c.text('description'),
      acceptanceCriteria: c.text('acceptance_criteria'),
      design: c.text('design'),
      notes: c.text('notes'),
      parentId: c.text('parent_id'),
      requires: c.text('requires').notNull(),
      assignedTo: c.text('assigned_to'),
      priority: c.integer('priority').notNull(),
      /** Sort key of claims: the rank of its priority, or the rank below `critical` after aging. */
      rank: c.integer('rank').notNull().default(3),
      status: c.text('status').notNull(),
      acceptance: c.text('acceptance').notNull().default('complete'),
      /** Id of its claim group. */
      routeId: c
        .integer('route_id')
        .notNull()
        .references(() => routes.id),
      /**
       * Id of its claim group while the task is ready; null otherwise. The claim index covers it.
       */
      ready: c.integer('ready'),
      /** Time at which it became ready; its wait is measured from then. */
      readyAt: c.integer('ready_at'),
      /** The reason, the agent and the time of its hold, as JSON; null if it is not held. */
      hold: c.text('hold'),
      /** The held lock, or `epic/` and the name of the paused epic, that parks the task. */
      parkedOn: c.text('parked_on'),
      dependencies: c.integer('dependencies').notNull().default(0),
      /** Number of dependencies, its own and derived ones, that are open. */
      openDeps: c.integer('open_deps').notNull().default(0),
      /** 1 if the end of its last child completes it. */
      rollsUp: c.integer('rolls_up').notNull().default(0),
      onDependencyFailure: c.text('on_dependency_failure').notNull().default('block'),
      attempt: c.integer('attempt').notNull().default(0),
      failures: c.integer('failures').notNull().default(0),
      maxAttempts: c.integer('max_attempts').notNull(),
      notBefore: c.integer('not_before'),
      scheduleToStartMs: c.integer('schedule_to_start_ms'),
      startToCloseMs: c.integer('start_to_close_ms').notNull().default(defaultStartToCloseMs),
      /** Deadline of the whole task, from `scheduleToCloseMs`. */
      closeBy: c.integer('close_by'),
      /** Nearest deadline of its time limits in its current status. */
      timeoutAt: c.integer('timeout_at'),
      incarnation: c.integer('incarnation'),
      leaseToken: c.text('lease_token'),
      leaseMs: c.integer('lease_ms'),
      leaseExpiresAt: c.integer('lease_expires_at'),
      /** Consecutive heartbeats of the holder that did not list this lease. */
      unlistedBeats: c.integer('unlisted_beats').notNull().default(0),
      /** Locks that the claim takes, as a JSON list; null means none. */
      locks: c.text('locks'),
      /** Number of locks that the lease holds. */
      heldLocks: c.integer('held_locks').notNull().default(0),
      progress: c.text('progress'),
      result: c.text('result'),
      /** Attempt of the result: the latest, or the adopted one. */
      resultAttempt: c.integer('result_attempt'),
      error: c.text('error'),
      inputRequest: c.text('input_request'),
      input: c.text('input'),
      review: c.text('review'),
      /** Numbers of its artifacts and orphan results. A task without any costs no query. */
      artifacts: c.integer('artifacts').notNull().default(0),
      orphans: c.integer('orphans').notNull().default(0),
      revision: c.integer('revision').notNull().default(1),
      metadata: c.text('metadata').notNull(),
      createdBy: c.text('created_by'),
      createdAt: c.integer('created_at').notNull(),
      completedAt: c.integer('completed_at'),
    },
    (t) => [
      c.uniqueIndex('tasks_external').on(t.projectId, t.externalId),
      // The project comes first in each index. Without statistics SQLite prefers two equalities on
      // `tasks_status` to a range on a partial index, and the sweeps would then read every pending
      // task four times a second.
      c.index('tasks_ready').on(t.projectId, t.ready, t.rank, t.ord).where(sql`ready is not null`),
      c.index('tasks_starving').on(t.projectId, t.ready, t.readyAt).where(sql`ready is not null and rank = 4`),
      c.index('tasks_parked').on(t.projectId, t.parkedOn, t.rank, t.ord).where(sql`parked_on is not null`),
      c.index('tasks_timeouts').on(t.projectId, t.timeoutAt).where(sql`timeout_at is not null`),
      c
        .index('tasks_due')
        .on(t.projectId, t.notBefore)
        .where(sql`status = 'pending' and ready is null and parked_on is null`),
      c.index('tasks_leases').on(t.projectId, t.leaseExpiresAt).where(sql`status = 'in_progress'`),
      // These two also hold ended tasks: before an agent or a claim group is deleted, its tasks are
      // searched for, which would otherwise read all tasks.
      c.index('tasks_held').on(t.agentId, t.status).where(sql`agent_id is not null`),
      c.index('tasks_status').on(t.projectId, t.status, t.ord),
      c.index('tasks_created').on(t.projectId, t.ord),
      c.index('tasks_epic').on(t.projectId, t.epic, t.ord).where(sql`epic is not null`),
      c.index('tasks_story').on(t.projectId, t.story, t.ord).where(sql`story is not null`),
      c.index('tasks_parent').on(t.parentId, t.ord).where(sql`parent_id is not null`),
      c.check('tasks_status_known', sql`status in (${quotedList(taskStatuses)})`),
      c.check(
        'tasks_lease_with_holder',
        sql`status <> 'in_progress' or (lease_token is not null and agent_id is not null)`,
      ),
      c.check('tasks_ready_is_pending', sql`ready is null or (status = 'pending' and open_deps = 0)`),
      c.check('tasks_parked_is_pending', sql`parked_on is null or (status = 'pending' and ready is null)`),
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
      /** A code of `dependencyKinds`. */
      kind: c.integer('kind').notNull().default(0),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.dependsOnId, t.kind] }), c.index('task_dependents').on(t.dependsOnId)],
  )

  /** Locks that leases hold now. A key or a path has one holder, a pool up to its size. */
  const locks = c.table(
    'locks',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      lock: c.text('lock').notNull(),
      taskId: c
        .text('task_id')
        .notNull()
        .references(() => tasks.id),
      /** 1 for a key or a path, 0 for a slot of a pool. */
      exclusive: c.integer('exclusive').notNull(),
      since: c.integer('since').notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.projectId, t.lock, t.taskId] }),
      c.uniqueIndex('locks_exclusive').on(t.projectId, t.lock).where(sql`exclusive = 1`),
      c.index('locks_task').on(t.taskId),
    ],
  )

  const artifacts = c.table(
    'artifacts',
    {
      taskId: c
        .text('task_id')
        .notNull()
        .references(() => tasks.id),
      name: c.text('name').notNull(),
      uri: c.text('uri').notNull(),
      sha256: c.text('sha256'),
      bytes: c.integer('bytes'),
      mediaType: c.text('media_type'),
      attempt: c.integer('attempt').notNull(),
      at: c.integer('at').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.name] })],
  )

  /** Results of late completions that did not count. */
  const orphanResults = c.table(
    'orphan_results',
    {
      taskId: c
        .text('task_id')
        .notNull()
        .references(() => tasks.id),
      attempt: c.integer('attempt').notNull(),
      agentId: c.text('agent_id').notNull(),
      result: c.text('result'),
      at: c.integer('at').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.attempt] })],
  )

  /**
   * Number of tasks by epic, story ('' means none), status and priority. Triggers maintain it, so
   * no statement can omit the update.
   */
  const taskCounts = c.table(
    'task_counts',
    {
      projectId: c.reference('project_id').notNull(),
      epic: c.text('epic').notNull(),
      story: c.text('story').notNull(),
      status: c.text('status').notNull(),
      priority: c.integer('priority').notNull(),
      tasks: c.integer('tasks').notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.projectId, t.epic, t.story, t.status, t.priority] }),
      c.index('task_counts_story').on(t.projectId, t.story),
    ],
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
    /** Who committed it. */
    committedBy: c.text('committed_by'),
    /** The time of the last step of its publication. */
    steppedAt: c.integer('stepped_at'),
    created: c.integer('created').notNull().default(0),
    updated: c.integer('updated').notNull().default(0),
    unchanged: c.integer('unchanged').notNull().default(0),
    /** Number of tasks that keep a status which differs from the plan's. */
    keptTotal: c.integer('kept_total').notNull().default(0),
    /** The first of these tasks, one line of JSON for each. */
    kept: c.text('kept'),
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
      /** The id of its task, if the project has none with this external id. */
      taskId: c.text('task_id'),
    },
    (t) => [c.uniqueIndex('plan_rows_external').on(t.planId, t.externalId)],
  )

  return { routes, tasks, taskDependencies, locks, artifacts, orphanResults, taskCounts, plans, planRows }
}
