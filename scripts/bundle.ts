/**
 * Bundles the built command line, the server in it, into `cli/dist/bundle`. Node takes two seconds
 * of CPU to find and load the nine hundred files of a server, and a third of that for the bundle.
 * Each command remains a file of its own, so that it loads only its part. The files of `dist`
 * remain too: the bundle finds the migrations, the threads and the versions beside them.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'rolldown'
import { licensesOf } from './bundled-licenses.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'cli/dist/bundle')

/** The files that `cli/dist/main.js` imports. It takes those of the bundle, if there is one. */
const entries = ['program', 'hook-entry']

/** Packages that find files beside them, start threads, or require files by computed names. */
const external = ['better-sqlite3', 'jsonc-parser', 'pg', 'pino']

const packageNameOf = (workspace: string): string =>
  JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8')).name

/**
 * Returns the expression that replaces `import.meta.url` in a bundled module. It resolves to the
 * module's own file in `dist`, because the migrations, the worker threads and the versions are
 * found relative to that file, in this repository and in a tarball.
 */
function urlExpressionOf(file: string): string {
  const [workspace = '', ...rest] = relative(root, file).split(sep)
  const path = rest.slice(1).join('/')
  if (workspace === 'cli') return `new URL('../${path}', import.meta.url).href`
  return `import.meta.resolve('${packageNameOf(workspace)}/${path.replace(/\.js$/, '')}')`
}

const moduleUrlPlugin: Plugin = {
  name: 'urls',
  // The ids of the modules of the bundler itself begin with a NUL.
  transform: (code, id) =>
    id.includes('node_modules') || id.startsWith('\0')
      ? undefined
      : code.replaceAll('import.meta.url', () => urlExpressionOf(id)),
}

/** Returns the time of the last change below a folder. */
const lastChangeBelow = (path: string): number =>
  Math.max(
    ...readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.js') && !entry.parentPath.startsWith(folder))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  )

const marker = join(folder, 'LICENSES')
const workspaces = ['shared', 'tools', 'server', 'client', 'bridge', 'cli']
/** npm writes this file at each install: another version of a package belongs into the bundle. */
const installed = join(root, 'node_modules/.package-lock.json')
const builtAtMs = Math.max(
  ...workspaces.map((workspace) => lastChangeBelow(join(root, workspace, 'dist'))),
  ...[installed, fileURLToPath(import.meta.url)].filter(existsSync).map((file) => statSync(file).mtimeMs),
)
// Without a change since the last bundle there is nothing to do.
if (!existsSync(marker) || statSync(marker).mtimeMs <= builtAtMs) {
  rmSync(folder, { recursive: true, force: true })
  const { output } = await build({
    input: Object.fromEntries(entries.map((name) => [name, join(root, `cli/dist/${name}.js`)])),
    platform: 'node',
    external: external.map((name) => new RegExp(`^${name}(/|$)`)),
    plugins: [moduleUrlPlugin],
    logLevel: 'warn',
    output: { dir: folder, format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
  })
  const modules = new Set(output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : [])))
  writeFileSync(marker, licensesOf(modules))
}
