import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config, PostgresConfig } from '@tony/mcp-server/config'
import { type Clock, systemClock } from '@tony/mcp-server/platform/clock'
import { Database } from './postgres.ts'
import { TestServer } from './server.ts'

export interface ReplicaOptions {
  readonly notify?: boolean
  readonly writerLock?: boolean
  readonly config?: Partial<Config>
  /** Default: the clock of the system. */
  readonly clock?: Clock
}

/**
 * Two servers on one PostgreSQL, in real time by default. Each runs its sweeps and learns about the
 * other only from the database.
 */
export class Replicas implements AsyncDisposable {
  readonly database: Database
  readonly first: TestServer
  readonly second: TestServer

  readonly #folder: string

  private constructor(database: Database, first: TestServer, second: TestServer, folder: string) {
    this.#folder = folder
    this.database = database
    this.first = first
    this.second = second
  }

  static async start({
    notify = true,
    writerLock = true,
    config = {},
    clock = systemClock,
  }: ReplicaOptions = {}): Promise<Replicas> {
    const database = await Database.create()
    // `satisfies` finds an option that the server does not know, which it would ignore.
    const postgres = { url: database.url, notify, writerLock } satisfies Partial<PostgresConfig>
    // The servers share one folder and so the pepper, as an operator sets them up.
    const folder = mkdtempSync(join(tmpdir(), 'tony-replicas-'))
    const server = () => TestServer.start({ clock, postgres, config, folder })
    return new Replicas(database, await server(), await server(), folder)
  }

  /** Returns one of the two servers in turn. */
  at(index: number): TestServer {
    return index % 2 === 0 ? this.first : this.second
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first[Symbol.asyncDispose]()
    await this.second[Symbol.asyncDispose]()
    await this.database[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
