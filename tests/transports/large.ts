import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { Child } from '../support/child.ts'
import { Wire } from './wire.ts'

export const mebibyte = 1_048_576

/** A server in a process of its own whose memory a test measures. */
export class MeasuredServer implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tony-memory-'))
  #child: Child | undefined
  #asked = 0
  url = ''

  get file(): string {
    return join(this.#folder, 'test.db')
  }

  /** Starts the server, or restarts it on the same file. */
  async start(): Promise<void> {
    await this.stop()
    this.#child = new Child('measured.ts', this.file)
    this.#asked = 0
    this.url = await this.#child.says('ready ')
  }

  async stop(): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]()
    this.#child = undefined
  }

  /** Makes `copies` of the rows of a table, each with a new id. The server must be stopped. */
  multiply(table: 'tasks' | 'messages', copies: number): void {
    const database = new Sqlite(this.file)
    const columns = database.pragma(`table_info(${table})`) as { name: string }[]
    const others = columns.map(({ name }) => name).filter((name) => name !== 'ord' && name !== 'id')
    const numbers = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${copies})`
    const id = "printf('01890000-0000-7000-8000-%012x', n)"
    database.exec(`pragma synchronous = off; ${numbers} insert into ${table} (id, ${others}) select ${id}, ${others}
      from numbers cross join ${table} where ord = (select min(ord) from ${table})`)
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.close()
  }

  /** Returns the memory in use after a garbage collection, in bytes. */
  async inUse(): Promise<number> {
    this.#asked += 1
    this.#child?.tell('memory')
    return Number(await this.#child?.says(`memory ${this.#asked}: `))
  }

  /** Returns the resident memory, in bytes, and restarts the measurement of `peak`. */
  settled(): number {
    writeFileSync(`/proc/${this.#child?.pid}/clear_refs`, '5')
    return this.#statusOf('VmRSS')
  }

  /** The highest resident memory since `settled`, in bytes. */
  get peak(): number {
    return this.#statusOf('VmHWM')
  }

  #statusOf(field: string): number {
    const status = readFileSync(`/proc/${this.#child?.pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1_024
  }

  connect(): Promise<Wire> {
    return Wire.open(this.url)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
