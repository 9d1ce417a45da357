/**
 * Writes an installable tarball of every package: `npm run pack -- [FOLDER]`. The default folder is
 * `packages`. Each tarball has the other packages inside, because no registry has them.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['shared', 'tools', 'server', 'client', 'bridge', 'cli'] as const

interface Manifest {
  readonly name: string
  readonly description: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))

/** The folder of each package of this repository. */
const folderByName = new Map<string, string>(folders.map((folder) => [manifestOf(folder).name, folder]))

/** Returns the names of the packages of this repository that a package needs, directly or not. */
function ownDependenciesOf(folder: string): Set<string> {
  const direct = Object.keys(manifestOf(folder).dependencies).filter((name) => folderByName.has(name))
  return new Set(direct.flatMap((name) => [name, ...ownDependenciesOf(folderByName.get(name) ?? '')]))
}

/** Removes the conditions under which this repository runs its sources. */
const withoutSources = (entries: Manifest['exports']) =>
  entries &&
  Object.fromEntries(
    Object.entries(entries).map(([path, conditions]) => {
      const { 'tony-source': _, ...published } = conditions
      return [path, published]
    }),
  )

const readmeOf = ({ name, description }: Manifest): string =>
  `# ${name}\n\n${description}. It is a part of the Tony MCP server, whose README and docs describe it.\n`

/** Writes the files of a package, without its dependencies. */
function stage(folder: string, to: string, bundled: readonly string[]): void {
  const { exports, imports, ...manifest } = manifestOf(folder)
  mkdirSync(to, { recursive: true })
  cpSync(join(root, folder, 'dist'), join(to, 'dist'), {
    recursive: true,
    filter: (path) => !/\.tsbuildinfo$|\.map$/.test(path),
  })
  if (folder === 'server') {
    cpSync(join(root, 'drizzle'), join(to, 'drizzle'), { recursive: true })
    cpSync(join(root, 'dashboard/dist'), join(to, 'dashboard'), { recursive: true })
  }
  cpSync(join(root, 'LICENSE'), join(to, 'LICENSE'))
  if (folder === 'cli') cpSync(join(root, 'README.md'), join(to, 'README.md'))
  else writeFileSync(join(to, 'README.md'), readmeOf(manifest))
  // The bundled packages are plain files in `dist/node_modules`, and the manifest of the outer
  // package lists their dependencies. With `bundleDependencies`, a global install of npm 11 would
  // not install these dependencies.
  const inner = bundled.flatMap((name) => Object.entries(manifestOf(folderByName.get(name) ?? '').dependencies))
  const published = {
    ...manifest,
    dependencies: Object.fromEntries(
      [...inner, ...Object.entries(manifest.dependencies)].filter(([name]) => !folderByName.has(name)),
    ),
    private: undefined,
    engines: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines,
    exports: withoutSources(exports),
    imports: withoutSources(imports),
    files: ['dashboard', 'dist', 'drizzle', 'LICENSE', 'README.md'],
  }
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
}

/** Packs all packages into a folder and returns the paths of the tarballs. */
function packAll(into: string): string[] {
  mkdirSync(into, { recursive: true })
  const staging = mkdtempSync(join(tmpdir(), 'tony-pack-'))
  try {
    return folders.map((folder) => {
      const bundled = [...ownDependenciesOf(folder)]
      const to = join(staging, folder)
      stage(folder, to, bundled)
      for (const name of bundled) stage(folderByName.get(name) ?? '', join(to, 'dist/node_modules', name), [])
      const argv = ['pack', '--silent', '--pack-destination', into]
      return join(into, execFileSync('npm', argv, { cwd: to, encoding: 'utf8' }).trim())
    })
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

const [, , into = 'packages'] = process.argv
process.stdout.write(`${packAll(resolve(into)).join('\n')}\n`)
