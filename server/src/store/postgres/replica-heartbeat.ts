import { hostname } from 'node:os'
import { uuidv7 } from 'uuidv7'
import type { Clock } from '../../platform/clock.ts'
import { extendDeadlines } from '../commit/extend-deadlines.ts'
import { advisoryLockKey, nowMsSql } from './connection.ts'
import type { DatabaseTime } from './database-time.ts'
import type { ConnectionPool, PooledConnection } from './pool.ts'
import { postgresTables } from './statements.ts'

/** A silence of all replicas that is longer is an outage, in milliseconds. A replica gives a sign of life each second. */
export const outageMs = 3_000

/** Before any work a replica that has been silent for so long says that it is alive, and learns whether the others were. */
const heartbeatMaxAgeMs = 2_000

/** A replica that has not been seen for so long is forgotten. */
const deleteAfterMs = 86_400_000

interface ReplicaHeartbeatOptions {
  readonly connections: ConnectionPool
  readonly clock: Clock
  readonly time: DatabaseTime
  readonly extendsDeadlines: boolean
}

/**
 * Signs of life of this replica and what a silence of all of them means: nobody could extend a lease meanwhile, so whoever
 * is back first gives every deadline its length, before anything else is done.
 */
export class ReplicaHeartbeat {
  readonly #connections: ConnectionPool
  readonly #clock: Clock
  readonly #time: DatabaseTime
  /** Whether an outage extends deadlines; not where a test says what time it is. */
  readonly #extendsDeadlines: boolean
  readonly #id = uuidv7()
  #sentAt = Number.NEGATIVE_INFINITY
  #sending: Promise<void> | undefined

  constructor({ connections, clock, time, extendsDeadlines }: ReplicaHeartbeatOptions) {
    this.#connections = connections
    this.#clock = clock
    this.#time = time
    this.#extendsDeadlines = extendsDeadlines
  }

  /** Resolves at once while the last sign of life is fresh. */
  ensureFresh(): Promise<void> | undefined {
    return this.#clock.monotonic() - this.#sentAt < heartbeatMaxAgeMs ? undefined : this.send()
  }

  /** Calls that come together are one sign of life. */
  send(): Promise<void> {
    this.#sending ??= this.#sendNow().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendNow(): Promise<void> {
    await this.#connections.withConnection(async (connection) => {
      const { rows } = await connection.client.query<{ now: string }>(
        `INSERT INTO replicas AS r (id, host, started_at, seen_at)
         SELECT $1, $2, n.now, n.now FROM (SELECT ${nowMsSql} AS now) n
         WHERE (SELECT max(seen_at) FROM replicas) > n.now - ${outageMs}
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at RETURNING seen_at AS now`,
        [this.#id, hostname()],
      )
      this.#time.sync(rows[0] ? Number(rows[0].now) : await this.#endOutage(connection))
    })
    this.#sentAt = this.#clock.monotonic()
  }

  /** Nobody was there: the first one back extends the deadlines, the others find its sign of life. */
  async #endOutage(connection: PooledConnection): Promise<number> {
    const { client } = connection
    await client.query(
      `BEGIN; SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock(${advisoryLockKey('outage')})`,
    )
    try {
      const { rows } = await client.query<{ last: string | null; now: string }>(
        `SELECT (SELECT max(seen_at) FROM replicas) AS last, ${nowMsSql} AS now`,
      )
      const now = Number(rows[0]?.now)
      const last = Number(rows[0]?.last ?? 0)
      const outage = now - last
      if (this.#extendsDeadlines && last > 0 && outage > outageMs) {
        await extendDeadlines({ db: connection.db, t: postgresTables }, last, outage)
      }
      await client.query('DELETE FROM replicas WHERE seen_at < $1', [now - deleteAfterMs])
      await client.query(
        `INSERT INTO replicas (id, host, started_at, seen_at) VALUES ($1, $2, $3, $3)
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
        [this.#id, hostname(), now],
      )
      await client.query('COMMIT')
      return now
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    }
  }
}
