import { sqlState } from './errors.ts'
import type { ConnectionPool } from './pool.ts'

/** Bytes of a write that needs new pages. Smaller writes can succeed on a full disk. */
const probeBytes = 524_288

/** Written and rolled back. Random digits, because PostgreSQL compresses a repeated text. */
const probeSql = `begin;
  insert into bodies (id, payload)
  select 'disk space probe', string_agg(md5(random()::text), '') from generate_series(1, ${probeBytes / 32});
  rollback`

/** True for a write that found no disk space. */
const isDiskFull = (error: unknown): boolean => sqlState(error) === '53100'

/**
 * The state of the database's disk space, as far as this replica knows. A write that fails for want
 * of space makes it full, and a successful probe ends that. In between, writes are still tried,
 * because the server cannot watch the disk of its database.
 */
export class PostgresDiskSpace {
  readonly #connections: ConnectionPool
  readonly #listeners = new Set<(full: boolean) => void>()
  #full = false
  #checking: Promise<void> | undefined

  constructor(connections: ConnectionPool) {
    this.#connections = connections
  }

  get full(): boolean {
    return this.#full
  }

  /** Calls `listener` when the disk becomes full and when it has space again. */
  onChange(listener: (full: boolean) => void): void {
    this.#listeners.add(listener)
  }

  /** Records the error of a failed write. */
  observe(error: unknown): void {
    if (isDiskFull(error)) this.#set(true)
  }

  /** Probes while the disk is full. Concurrent calls share one probe. */
  check(): Promise<void> {
    this.#checking ??= this.#checkNow().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #checkNow(): Promise<void> {
    if (!this.#full) return
    const hasSpace = await this.#connections.withConnection(async ({ client, discard }) => {
      try {
        await client.query(probeSql)
        return true
      } catch (error) {
        // The transaction is open and failed.
        discard()
        if (isDiskFull(error)) return false
        throw error
      }
    })
    if (hasSpace) this.#set(false)
  }

  #set(full: boolean): void {
    if (full === this.#full) return
    this.#full = full
    for (const listener of this.#listeners) listener(full)
  }
}
