import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Database } from './postgres.ts'
import { RestartingServer } from './restarting.ts'

/** Built commands on one PostgreSQL, each on a port of its own, and each can be killed. */
export class RestartingReplicas implements AsyncDisposable {
  readonly servers: readonly RestartingServer[]
  readonly database: Database
  readonly #folder: string

  private constructor(servers: readonly RestartingServer[], database: Database, folder: string) {
    this.servers = servers
    this.database = database
    this.#folder = folder
  }

  static async start(count: number, settings: Readonly<Record<string, string>> = {}): Promise<RestartingReplicas> {
    const database = await Database.create()
    const folder = mkdtempSync(join(tmpdir(), 'tony-restarting-'))
    const pepper = join(folder, 'pepper')
    writeFileSync(pepper, randomBytes(32).toString('base64url'), { mode: 0o600 })
    const shared = { DATABASE_URL: database.url, MCP_PEPPER_FILE: pepper, ...settings }
    const servers: RestartingServer[] = []
    for (let index = 0; index < count; index += 1) servers.push(await RestartingServer.start(shared))
    return new RestartingReplicas(servers, database, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]()
    await this.database[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
