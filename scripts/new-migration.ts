/** Writes the next migration of both engines: `npm run migrate:new -- name_of_the_change`. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [, , name] = process.argv
if (name === undefined) {
  process.stderr.write('npm run migrate:new -- name_of_the_change\n')
  process.exit(1)
}
const kit = join(root, 'node_modules/drizzle-kit/bin.cjs')
for (const config of ['drizzle.config.ts', 'drizzle.postgres.config.ts']) {
  execFileSync(process.execPath, [kit, 'generate', '--config', config, '--name', name], { cwd: root, stdio: 'inherit' })
}
