import { eq } from 'drizzle-orm'
import type { Reader } from '../../store/store.ts'

/** Returns the id of the project with this name; undefined if there is none. */
export async function findProjectByName({ db, t }: Reader, name: string): Promise<string | undefined> {
  const [row] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, name))
  return row?.id
}
