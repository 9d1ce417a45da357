import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Cluster } from '../tests/support/postgres-cluster.ts'
import { Balancer } from './balancer.ts'
import { copyTables } from './copy-tables.ts'
import { freePort, ServerChild } from './server-process.ts'
import type { ServerUnderTest } from './server-under-test.ts'

export interface ReplicaSetOptions {
  readonly folder: string
  readonly count: number
  /** Port of the balancer. */
  readonly port: number
}

/** Several server processes on their own PostgreSQL, behind a balancer. */
export class ReplicaSet implements ServerUnderTest {
  /** Path of the tables for the history checker, copied at the end. */
  readonly database: string
  readonly #options: ReplicaSetOptions
  #cluster: Cluster | undefined
  #replicas: ServerChild[] = []
  #balancer: Balancer | undefined
  #next = 0
  /** The killed replicas that are being restarted. */
  readonly #starting = new Map<ServerChild, Promise<void>>()
  #stopping = false
  #stopped: Promise<void> | undefined
  /** Number of database crashes. */
  crashes = 0

  constructor(options: ReplicaSetOptions) {
    this.#options = options
    this.database = join(options.folder, 'checked.db')
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`
  }

  get kills(): number {
    return this.#replicas.reduce((kills, replica) => kills + replica.kills, 0)
  }

  async start(): Promise<void> {
    const { folder, count, port } = this.#options
    this.#cluster = await Cluster.start()
    if (!this.#cluster) throw new Error('there is no PostgreSQL: npm ci brings one for Linux x64; elsewhere install it')
    // The database is not a child of this process and would outlive it without these handlers.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => void this.stop().finally(() => process.exit(1)))
    const pepper = join(folder, 'pepper')
    writeFileSync(pepper, randomBytes(32).toString('base64url'), { mode: 0o600 })
    const settings = { DATABASE_URL: this.#databaseUrl(this.#cluster), MCP_PEPPER_FILE: pepper, MCP_DEV_ROLE: 'admin' }
    const ports = await Promise.all(Array.from({ length: count }, freePort))
    this.#replicas = ports.map(
      (replicaPort, index) => new ServerChild({ folder, port: replicaPort, name: `server-${index + 1}`, settings }),
    )
    await Promise.all(this.#replicas.map((replica) => replica.start()))
    this.#balancer = await Balancer.start(ports, port)
  }

  /** Kills the next replica with SIGKILL and restarts it. */
  async killAndRestart(): Promise<void> {
    await this.killNext()
    await this.waitForRestarts()
  }

  /** Kills the next replica with SIGKILL. Its restart is not awaited. */
  async killNext(): Promise<void> {
    const replica = this.#replicas[this.#next % this.#replicas.length]
    this.#next += 1
    if (!replica) return
    // One at a time: if a start took longer than the interval between kills, no replica would be
    // left.
    await this.waitForRestarts()
    await replica.kill()
    this.#starting.set(replica, this.#startUntilRunning(replica))
  }

  async waitForRestarts(): Promise<void> {
    await Promise.all(this.#starting.values())
  }

  /** Crashes the database, as a power cut would, and starts it again. */
  async crashDatabase(): Promise<void> {
    await this.#cluster?.end('immediate')
    this.crashes += 1
    await this.#cluster?.begin()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const cluster = this.#cluster
    try {
      this.#stopping = true
      await this.waitForRestarts()
      await Promise.all(this.#replicas.map((replica) => replica.stop()))
      if (cluster && this.#balancer) await copyTables(this.#databaseUrl(cluster), this.database)
    } finally {
      await this.#balancer?.[Symbol.asyncDispose]()
      await cluster?.[Symbol.asyncDispose]()
    }
  }

  /**
   * Starts a replica until it runs, as a supervisor does. A server exits at its start while the
   * database is down.
   */
  async #startUntilRunning(replica: ServerChild): Promise<void> {
    while (!this.#stopping) {
      const started = await replica.start().then(
        () => true,
        () => false,
      )
      if (started) return
      await wait(200)
    }
  }

  #databaseUrl(cluster: Cluster): string {
    return `${cluster.url}/postgres`
  }
}
