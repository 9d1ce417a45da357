/**
 * Builds all parts in the order of their dependencies: the contract and the server, then the
 * client, which is generated from the server's router, then the packages that use the client. `tsc
 * -b` builds only the changed parts. At the end the command line and the dashboard are
 * bundled. Steps that take long are named on standard error.
 */
import { fileURLToPath } from 'node:url'
import { runBuildStep } from './build-step.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const report = (line: string) => void process.stderr.write(`${line}\n`)

/** Runs a script of Node, which builds the named thing. Ends the build if the script fails. */
async function run(script: string, name: string, ...argv: string[]): Promise<void> {
  const code = await runBuildStep({ name, argv: [script, ...argv] }, { cwd: root, report })
  if (code !== 0) process.exit(code)
}

await run(compiler, 'the server', '-b', 'shared', 'tools', 'server')
await run('scripts/generate-client.ts', 'the interface of the client')
await run(compiler, 'the client and the command line', '-b', 'client', 'bridge', 'cli')
await run('scripts/bundle.ts', 'the bundle of the command line')
await run('scripts/bundle-dashboard.ts', 'the dashboard')
