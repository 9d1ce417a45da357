/**
 * Fails if the tables differ from the newest migration. `npm run migrate:new -- <name>` writes the
 * next one.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const kit = join(root, 'node_modules/drizzle-kit/bin.cjs')

/** True if drizzle-kit would write another migration for an engine. */
function differs(engine: 'sqlite' | 'postgres'): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'tony-migrations-'))
  try {
    cpSync(join(root, 'drizzle', engine), folder, { recursive: true })
    const before = readdirSync(folder).length
    const dialect = engine === 'sqlite' ? 'sqlite' : 'postgresql'
    const schema = `./server/src/store/tables/schema.${engine}.ts`
    // drizzle-kit accepts the folder only as a path relative to its working folder.
    const out = relative(root, folder)
    const argv = [kit, 'generate', '--dialect', dialect, '--schema', schema, '--out', out, '--name', 'missing']
    execFileSync(process.execPath, argv, { cwd: root, stdio: 'pipe' })
    return readdirSync(folder).length !== before
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const engine of ['sqlite', 'postgres'] as const) {
  if (!differs(engine)) continue
  process.stderr.write(`the tables differ from the migrations in drizzle/${engine}: npm run migrate:new -- <name>\n`)
  process.exitCode = 1
}
