import { hostname } from 'node:os'
import type { Clock } from '../../platform/clock.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { extendDeadlines } from '../commit/extend-deadlines.ts'
import { advisoryLockKey, nowMsSql } from './connection.ts'
import type { DatabaseTime } from './database-time.ts'
import type { ConnectionPool, PooledConnection } from './pool.ts'
import { postgresTables } from './statements.ts'

/**
 * Silence of all replicas in milliseconds that counts as an outage. A replica sends a heartbeat
 * each second.
 */
export const outageMs = 3_000

/**
 * Age of the last heartbeat in milliseconds after which a replica sends one before any other work.
 * The reply shows whether the other replicas were alive.
 */
const heartbeatMaxAgeMs = 2_000

/** Silence in milliseconds after which the row of a replica is deleted. */
const deleteAfterMs = 86_400_000

interface ReplicaHeartbeatOptions {
  readonly connections: ConnectionPool
  readonly clock: Clock
  readonly time: DatabaseTime
  readonly extendsDeadlines: boolean
}

/**
 * Sends this replica's heartbeats and handles outages. While all replicas are silent no client can
 * extend a lease, so the first one back extends every deadline by the outage before any other work.
 */
export class ReplicaHeartbeat {
  readonly #connections: ConnectionPool
  readonly #clock: Clock
  readonly #time: DatabaseTime
  /** True if an outage extends deadlines; false in a test that sets the time. */
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

  /** Sends a heartbeat if the last one is too old; otherwise returns undefined. */
  ensureFresh(): Promise<void> | undefined {
    return this.#clock.monotonic() - this.#sentAt < heartbeatMaxAgeMs ? undefined : this.send()
  }

  /** Sends a heartbeat. Concurrent calls share one. */
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

  /**
   * Ends an outage: the first replica back extends the deadlines, and the others find its
   * heartbeat.
   */
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
