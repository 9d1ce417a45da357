import type { ClientBase } from 'pg'
import { z } from 'zod'
import type { EventRange } from '../commit/append-events.ts'
import { type StoredEvent, scanEvents } from '../event-log/read-events.ts'
import type { StoreNotification } from '../store.ts'
import type { ConnectionPool, PooledConnection } from './pool.ts'

/** Events per read of a feed. */
const eventsPerRead = 1_000

/** Events that end a lease; their data has the holder and the attempt. */
const leaseEndEvents =
  /^task\.(submitted|completed|retried|released|expired|input_requested|timed_out|failed|cancelled)$/
const leaseData = z.object({ agentId: z.string(), attempt: z.int() })
const sessionData = z.object({ sessionId: z.string() })

/** Maximum number of waiting claims that one claim group wakes. */
const notifiedWaiterLimit = 64

/**
 * Claim groups with ready tasks, each with their number. It reads the claim index once per group.
 */
const readyClaimGroupsSql = `
  SELECT r.project_id, r.requires, r.assigned_to, ready.count::int FROM routes r CROSS JOIN LATERAL (
    SELECT count(*) FROM (
      SELECT 1 FROM tasks t WHERE t.project_id = r.project_id AND t.ready = r.id AND t.ready IS NOT NULL LIMIT ${notifiedWaiterLimit}
    ) found
  ) ready WHERE ready.count > 0 AND ($1::text[] IS NULL OR r.project_id = ANY ($1))`

/** Agents with deliverable messages. */
const readyInboxesSql = `
  SELECT m.agent_id FROM mailboxes m WHERE m.pending > 0 AND ($1::text[] IS NULL OR m.project_id = ANY ($1)) AND EXISTS (
    SELECT 1 FROM messages WHERE to_agent = m.agent_id AND ready IS NOT NULL
  )`

/** Scope of a poll: everything, or the projects of a notification. */
export interface PollOptions {
  /** Undefined means all. */
  readonly projects?: readonly string[]
}

/**
 * Derives the notifications of commits by other replicas from the tables: the feed has the ends of
 * leases, and the indexes of claims and deliveries have the ready rows. A `NOTIFY` therefore only
 * names projects, and a lost one costs a second.
 */
export class RemoteCommits {
  readonly #connections: ConnectionPool
  readonly #notify: (notifications: readonly StoreNotification[]) => void
  /** Number of the last event read of each project. */
  readonly #lastSeqs = new Map<string, number>()
  /** Later events that this process wrote and has already notified. */
  readonly #ownSeqs = new Map<string, Set<number>>()
  #isFirstPoll = true

  constructor(connections: ConnectionPool, notify: (notifications: readonly StoreNotification[]) => void) {
    this.#connections = connections
    this.#notify = notify
  }

  /** Marks the events that this process wrote, so that polls skip them. */
  skipOwn({ project, first, last }: EventRange): void {
    if (this.#lastSeqs.get(project) === first - 1) {
      this.#lastSeqs.set(project, last)
      return
    }
    const own = this.#ownSeqs.get(project) ?? new Set()
    this.#ownSeqs.set(project, own)
    for (let seq = first; seq <= last; seq += 1) own.add(seq)
  }

  /** Forgets its cursors: the feed of a restored or promoted database may end before them. */
  reset(): void {
    this.#lastSeqs.clear()
    this.#ownSeqs.clear()
    this.#isFirstPoll = true
  }

  /** Reads new events and ready rows and sends their notifications. */
  async poll({ projects }: PollOptions = {}): Promise<void> {
    const notifications = await this.#connections.withConnection(async (connection) => {
      const scope = [projects ?? null]
      const { rows: feeds } = await connection.client.query<{ id: string; seq: string }>(
        'SELECT id, seq FROM projects WHERE $1::text[] IS NULL OR id = ANY ($1)',
        scope,
      )
      const found: StoreNotification[] = []
      for (const { id, seq } of feeds) found.push(...(await this.#readFeed(connection, id, Number(seq))))
      if (projects === undefined) this.#isFirstPoll = false
      return [...found, ...(await readReadyNotifications(connection.client, scope))]
    })
    this.#notify(notifications)
  }

  async #readFeed(connection: PooledConnection, project: string, seq: number): Promise<StoreNotification[]> {
    // Events from before this process began need no notification, because it had no waiters.
    let head = this.#lastSeqs.get(project) ?? (this.#isFirstPoll ? seq : 0)
    this.#lastSeqs.set(project, head)
    if (head >= seq) return []
    const events: StoredEvent[] = []
    while (head < seq) {
      const page = await scanEvents(connection, { project, after: head, limit: eventsPerRead })
      const own = this.#ownSeqs.get(project)
      events.push(...page.events.filter((event) => !own?.delete(event.seq)))
      head = page.events.at(-1)?.seq ?? seq
      this.#lastSeqs.set(project, Math.max(head, this.#lastSeqs.get(project) ?? 0))
    }
    if (events.length === 0) return []
    return [
      { topic: 'events', project },
      ...(await readIncarnationNotifications(connection.client, events)),
      ...events.flatMap((event) => notificationsOf(project, event)),
    ]
  }
}

/** Events that may make an agent, or every agent, eligible for more. */
const admissionEvents = /^(agent\.(updated|resumed)|project\.resumed|epic\.resumed)$/

function notificationsOf(project: string, { type, subject, audience, data }: StoredEvent): StoreNotification[] {
  if (admissionEvents.test(type))
    return [{ topic: 'fleet', project, agentId: type.startsWith('agent.') ? subject : null }]
  if (subject !== null && (type === 'request.replied' || type === 'request.timed_out'))
    return [{ topic: 'reply', requestId: subject }]
  if (type === 'session.revoked') return [{ topic: 'revoked', sessions: [sessionData.parse(data).sessionId] }]
  if (type.startsWith('message.')) {
    return (audience ?? []).map((agentId) => ({ topic: 'inbox', agentId, reason: 'capacity' }))
  }
  if (!leaseEndEvents.test(type) || subject === null) return []
  const lease = leaseData.safeParse(data)
  return lease.success ? [{ topic: 'lease', taskId: subject, ...lease.data }] : []
}

/** Returns notifications for the agents whose incarnation changed. */
async function readIncarnationNotifications(
  client: ClientBase,
  events: readonly StoredEvent[],
): Promise<StoreNotification[]> {
  const changed = events.filter(({ type }) => type === 'agent.registered' || type === 'agent.unregistered')
  if (changed.length === 0) return []
  const { rows } = await client.query<{ id: string; incarnation: string; unregistered: boolean }>(
    `SELECT id, incarnation, status = 'unregistered' AS unregistered FROM agents WHERE id = ANY ($1)`,
    [changed.map(({ subject }) => subject)],
  )
  return rows.map(({ id, incarnation, unregistered }) => ({
    topic: 'incarnation',
    agentId: id,
    incarnation: Number(incarnation),
    ...(unregistered && { unregistered: true as const }),
  }))
}

/**
 * Returns notifications for ready tasks and deliverable messages. Some became so without an event,
 * such as tasks whose `notBefore` has passed.
 */
async function readReadyNotifications(client: ClientBase, scope: readonly unknown[]): Promise<StoreNotification[]> {
  const claimGroups = await client.query<{ project_id: string; requires: string; assigned_to: string; count: number }>(
    readyClaimGroupsSql,
    [...scope],
  )
  const inboxes = await client.query<{ agent_id: string }>(readyInboxesSql, [...scope])
  return [
    ...claimGroups.rows.map(
      ({ project_id: project, requires, assigned_to: assignedTo, count }): StoreNotification => ({
        topic: 'tasks',
        project,
        requires,
        assignedTo,
        count,
      }),
    ),
    ...inboxes.rows.map(({ agent_id: agentId }): StoreNotification => ({ topic: 'inbox', agentId, reason: 'message' })),
  ]
}
