import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Balancer } from '../../demo/balancer.ts'
import { Child } from './child.ts'
import { Database } from './postgres.ts'

/** Servers on one PostgreSQL, each in a process of its own, behind a balancer. */
export class ReplicaProcesses implements AsyncDisposable {
  readonly database: Database
  readonly children: readonly Child[]
  readonly urls: readonly string[]
  readonly balancer: Balancer
  /** The file of the pepper, which they share. */
  readonly pepper: string
  readonly #folder: string

  private constructor(parts: Pick<ReplicaProcesses, 'database' | 'children' | 'urls' | 'balancer'>, folder: string) {
    this.database = parts.database
    this.children = parts.children
    this.urls = parts.urls
    this.balancer = parts.balancer
    this.pepper = join(folder, 'pepper')
    this.#folder = folder
  }

  static async start(count: number, settings: Readonly<Record<string, string>> = {}): Promise<ReplicaProcesses> {
    const database = await Database.create()
    const folder = mkdtempSync(join(tmpdir(), 'tony-replicas-'))
    writeFileSync(join(folder, 'pepper'), randomBytes(32).toString('base64url'), { mode: 0o600 })
    const environment = JSON.stringify({
      DATABASE_URL: database.url,
      MCP_PEPPER_FILE: join(folder, 'pepper'),
      MCP_PORT: '0',
      LOG_LEVEL: 'error',
      NODE_ENV: 'test',
      ...settings,
    })
    const children = Array.from({ length: count }, () => new Child('replica.ts', environment))
    const urls = await Promise.all(children.map((child) => child.says('Tony MCP Server ready ✔')))
    const balancer = await Balancer.start(urls.map((url) => Number(new URL(url).port)))
    return new ReplicaProcesses({ database, children, urls, balancer }, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.balancer[Symbol.asyncDispose]()
    for (const child of this.children) await child[Symbol.asyncDispose]()
    await this.database[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
