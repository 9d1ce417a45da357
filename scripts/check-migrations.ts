/** Fails when the tables say something the newest migration does not: `npm run migrate:new -- <name>` writes the next one. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const kit = join(root, 'node_modules/drizzle-kit/bin.cjs')
const folder = mkdtempSync(join(tmpdir(), 'tony-migrations-'))
try {
  cpSync(join(root, 'drizzle/sqlite'), folder, { recursive: true })
  const before = readdirSync(folder).length
  const schema = './server/src/store/schema.sqlite.ts'
  // drizzle-kit takes the folder only relative to where it runs.
  const argv = [
    kit,
    'generate',
    '--dialect',
    'sqlite',
    '--schema',
    schema,
    '--out',
    relative(root, folder),
    '--name',
    'missing',
  ]
  execFileSync(process.execPath, argv, { cwd: root, stdio: 'pipe' })
  if (readdirSync(folder).length !== before) {
    process.stderr.write('the tables differ from the migrations: npm run migrate:new -- <name>\n')
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
