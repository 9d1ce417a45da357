/**
 * Builds the dashboard into `dashboard/dist`: the page, and assets whose names have the hash of
 * their contents. Each text is compressed here, because the server compresses nothing. The build
 * uses the client of `client/dist`, so it runs after the client.
 */
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'
import { build } from 'vite'
import { licensesOf } from './bundled-licenses.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'dashboard/dist')
const marker = join(folder, 'LICENSES')

/** The files that the dashboard is built from. npm writes the last one at each install. */
const sources = [
  'dashboard/{index.html,package.json,vite.config.ts}',
  'dashboard/src/**/*.{ts,tsx,css}',
  '{client,shared}/dist/**/*.js',
  'scripts/bundle-dashboard.ts',
  'node_modules/.package-lock.json',
]
const changedAtMs = Math.max(...globSync(sources, { cwd: root }).map((file) => statSync(join(root, file)).mtimeMs))

/** Compresses the texts of the build, for the server to send. */
function compressTexts(): void {
  for (const name of globSync('**/*.{html,css,js,svg}', { cwd: folder })) {
    const path = join(folder, name)
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }))
  }
}

// A test runs this script too, and its environment would select the slow build of React.
process.env['NODE_ENV'] = 'production'

// Without a change since the last build there is nothing to do.
if (!existsSync(marker) || statSync(marker).mtimeMs <= changedAtMs) {
  const result = await build({ configFile: join(root, 'dashboard/vite.config.ts'), logLevel: 'warn' })
  const outputs = Array.isArray(result) ? result : [result]
  const modules = outputs.flatMap((one) =>
    'output' in one ? one.output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : [])) : [],
  )
  compressTexts()
  writeFileSync(marker, licensesOf(new Set(modules)))
}
