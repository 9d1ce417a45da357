import { existsSync } from 'node:fs'

/**
 * Returns the folder with the migrations of an engine: that of the installed package, else that of
 * the repository.
 */
export function migrationsFolderOf(engine: 'sqlite' | 'postgres'): URL {
  const packaged = new URL(`../../../drizzle/${engine}`, import.meta.url)
  return existsSync(packaged) ? packaged : new URL(`../../../../drizzle/${engine}`, import.meta.url)
}
