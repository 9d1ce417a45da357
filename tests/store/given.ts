import type { NewEvent } from '@tony/mcp-server/store/event-log/new-event'
import { scanEvents } from '@tony/mcp-server/store/event-log/read-events'
import type { Reader, Store, StoreNotification, Transaction } from '@tony/mcp-server/store/store'

/** Adds a project with an empty feed. */
export async function addProject(store: Store, id: string): Promise<string> {
  await store.transact({ project: id }, ({ db, t, now }) =>
    db.insert(t.projects).values({ id, name: id, createdAt: now }),
  )
  return id
}

/** Adds an agent in its first incarnation, with a session of the same id. */
export async function addAgent(store: Store, project: string, id: string): Promise<string> {
  await store.transact({ project }, async ({ db, t, now }) => {
    await db.insert(t.agents).values({
      id,
      projectId: project,
      name: id,
      type: 'implementation',
      role: 'developer',
      capabilities: '[]',
      registeredAt: now,
      lastActivity: now,
      metadata: '{}',
    })
    await db.insert(t.sessions).values({
      id,
      projectId: project,
      agentId: id,
      incarnation: 1,
      refreshHash: '',
      createdAt: now,
      refreshedAt: now,
    })
  })
  return id
}

/** Makes the smallest change: one row of a table without references. */
export const put = async ({ db, t }: Transaction, id: string): Promise<string> => {
  await db.insert(t.bodies).values({ id, payload: '{}' })
  return id
}

export const stored = async ({ db, t }: Reader): Promise<string[]> => {
  const rows = await db.select({ id: t.bodies.id }).from(t.bodies).orderBy(t.bodies.id)
  return rows.map(({ id }) => id)
}

/** Returns an event with a subject that identifies it. */
export const note = (subject: string): NewEvent => ({ type: 'task.updated', subject, actor: null, data: { subject } })

/** Returns a notification with an agent id that identifies it. */
export const notificationFor = (agentId: string): StoreNotification => ({ topic: 'inbox', agentId, reason: 'message' })

/** Reads the feeds of all projects from their beginning, as numbers and subjects. */
export async function feed(reader: Reader): Promise<{ project: string; seq: number; subject: string | null }[]> {
  const { db, t } = reader
  const found: { project: string; seq: number; subject: string | null }[] = []
  for (const { id: project } of await db.select({ id: t.projects.id }).from(t.projects).orderBy(t.projects.id)) {
    for (let after = 0, isCut = true; isCut; ) {
      const page = await scanEvents(reader, { project, after, limit: 1_000 })
      found.push(...page.events.map(({ seq, subject }) => ({ project, seq, subject })))
      after = page.reached
      isCut = page.isCut
    }
  }
  return found
}

/** Returns the outcome of each promise in order: its value, or the code or message of its error. */
export async function outcomes(work: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(work)
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : reasonOf(one.reason)))
}

const reasonOf = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  return 'code' in error ? error.code : error.message
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

/** Returns a name that sorts in the order of the numbers. */
export const numbered = (prefix: string, index: number): string => `${prefix}${String(index).padStart(5, '0')}`
