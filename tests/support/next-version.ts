import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Migration, readMigrations } from '@tony/mcp-server/store/migrations/migrate'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The packages of this workspace that the server depends on. */
const libraries = ['shared', 'tools']

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
  writeFileSync(file, text.replace(from, to))
}

/**
 * A later version of the program that only adds: a copy of the build with one more migration on
 * both engines, a further field in a reply and in an input, and the next version of the protocol.
 */
export class NextVersion implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tony-next-'))

  /**
   * `minReader` is the oldest migration that a program must know to run on the result. Default: the
   * new migration.
   */
  constructor({ minReader }: { readonly minReader?: number } = {}) {
    for (const part of ['server', ...libraries]) {
      cpSync(join(root, part, 'dist'), join(this.folder, part, 'dist'), { recursive: true })
      cpSync(join(root, part, 'package.json'), join(this.folder, part, 'package.json'))
    }
    cpSync(join(root, 'drizzle'), join(this.folder, 'drizzle'), { recursive: true })
    this.#linkModules()
    const first = minReader === undefined ? '' : `-- minReader: ${minReader}\n`
    for (const [engine, kind] of [
      ['sqlite', 'text'],
      ['postgres', 'text COLLATE "C"'],
    ] as const) {
      const name = `${String(this.#known.length).padStart(4, '0')}_later.sql`
      writeFileSync(join(this.folder, 'drizzle', engine, name), `${first}ALTER TABLE tasks ADD COLUMN later ${kind};\n`)
    }
    const [shared, server] = [join(this.folder, 'shared/dist'), join(this.folder, 'server/dist')]
    edit(join(shared, 'system.js'), "protocolVersion = '1.0'", "protocolVersion = '1.1'")
    edit(join(shared, 'system.js'), 'uptimeMs: z.int(),', 'uptimeMs: z.int(), later: z.boolean(),')
    edit(join(server, 'operations/system/info.js'), "name: 'tony-mcp',", "name: 'tony-mcp', later: true,")
    edit(
      join(shared, 'task-changes.js'),
      'taskRetryInput = z.strictObject({',
      'taskRetryInput = z.strictObject({ later: z.string().optional(),',
    )
  }

  readonly #known: readonly Migration[] = readMigrations(new URL('drizzle/sqlite', pathToFileURL(root)))

  /** Links all packages to those of this program, except its own copies. */
  #linkModules(): void {
    const modules = join(this.folder, 'node_modules')
    mkdirSync(join(modules, '@tony'), { recursive: true })
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name !== '@tony') symlinkSync(join(root, 'node_modules', name), join(modules, name))
    }
    for (const part of libraries) symlinkSync(join(this.folder, part), join(modules, `@tony/mcp-${part}`))
  }

  /** Starts a server in dev mode with this environment. */
  async serve(environment: Readonly<Record<string, string>>): Promise<NextServer> {
    const env = { ...process.env, MCP_PORT: '0', LOG_LEVEL: 'error', NODE_ENV: 'test', ...environment }
    const script = join(this.folder, 'start.mjs')
    writeFileSync(script, "import { main } from './server/dist/main.js'\nawait main('dev')\nprocess.exit()\n")
    const child = spawn(process.execPath, [script], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /ready ✔ (\S+)/.exec(line)?.[1]
      if (url !== undefined) return new NextServer(child, url)
    }
    throw new Error('the next version did not start')
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class NextServer implements AsyncDisposable {
  readonly url: string
  readonly #child: ChildProcess

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
  }
}
