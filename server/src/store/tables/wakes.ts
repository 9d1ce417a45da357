import { wakeReasons, wakeStatuses } from '@tony/mcp-shared/wakes'
import { sql } from 'drizzle-orm'
import type { AgentTables } from './agents.ts'
import { type Columns, quotedList } from './columns.ts'

/** Idle sessions of hosts and the attempts to wake them. */
export function defineWakeTables(c: Columns, { projects, agents }: AgentTables) {
  const idleSessions = c.table(
    'idle_sessions',
    {
      agentId: c
        .text('agent_id')
        .primaryKey()
        .references(() => agents.id),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      since: c.integer('since').notNull(),
      /** 1 if a ready task may wake the session. */
      takesTasks: c.integer('takes_tasks').notNull(),
    },
    (t) => [c.index('idle_sessions_project').on(t.projectId)],
  )

  const wakes = c.table(
    'wakes',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      agentId: c
        .text('agent_id')
        .notNull()
        .references(() => agents.id),
      reason: c.text('reason').notNull(),
      /** Id of the message or the task. */
      subject: c.text('subject').notNull(),
      /** The attempt of the task; 0 for a message. */
      attempt: c.integer('attempt').notNull().default(0),
      /** The agent that sees the events besides the woken one. */
      fromAgent: c.text('from_agent'),
      taskId: c.text('task_id'),
      status: c.text('status').notNull(),
      requestedAt: c.integer('requested_at').notNull(),
      endedAt: c.integer('ended_at'),
      /** The providers that were tried, separated by commas. */
      tried: c.text('tried').notNull().default(''),
    },
    (t) => [
      // A session is woken once for each subject.
      c.uniqueIndex('wakes_subject').on(t.subject, t.agentId, t.reason, t.attempt),
      c.index('wakes_open').on(t.projectId, t.requestedAt).where(sql`ended_at is null`),
      c.index('wakes_agent').on(t.agentId, t.requestedAt),
      c.index('wakes_ended').on(t.projectId, t.endedAt).where(sql`ended_at is not null`),
      c.check('wakes_status_known', sql`status in (${quotedList(wakeStatuses)})`),
      c.check('wakes_reason_known', sql`reason in (${quotedList(wakeReasons)})`),
    ],
  )

  return { idleSessions, wakes }
}
