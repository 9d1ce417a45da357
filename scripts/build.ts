/**
 * Builds everything in the order its parts need each other: contract and server, the client generated from the server's
 * router, then what uses the client. `tsc -b` builds only what has changed.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const run = (...argv: string[]) => execFileSync(process.execPath, argv, { cwd: root, stdio: 'inherit' })

run(compiler, '-b', 'shared', 'tools', 'server')
run('scripts/generate-client.ts')
run(compiler, '-b', 'client', 'bridge', 'cli')
