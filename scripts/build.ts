/**
 * Builds all parts in the order of their dependencies: the contract and the server, then the
 * client, which is generated from the server's router, then the packages that use the client. `tsc
 * -b` builds only the changed parts. At the end the command line and the dashboard are
 * bundled.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const run = (...argv: string[]) => execFileSync(process.execPath, argv, { cwd: root, stdio: 'inherit' })

run(compiler, '-b', 'shared', 'tools', 'server')
run('scripts/generate-client.ts')
run(compiler, '-b', 'client', 'bridge', 'cli')
run('scripts/bundle.ts')
run('scripts/bundle-dashboard.ts')
