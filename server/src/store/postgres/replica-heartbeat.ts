import { hostname } from 'node:os'
import { uuidv7 } from 'uuidv7'
import type { Clock } from '../../platform/clock.ts'
import { extendDeadlines } from '../commit/extend-deadlines.ts'
import { lockNumber, millisecondsNow } from './connection.ts'
import type { DatabaseTime } from './database-time.ts'
import { postgresTables } from './statements.ts'
import type { Connections, Lent } from './pool.ts'

/** A silence of all replicas that is longer is an outage, in milliseconds. A replica gives a sign of life each second. */
export const outageMs = 3_000

/** Before any work a replica that has been silent for so long says that it is alive, and learns whether the others were. */
const staleMs = 2_000

/** A replica that has not been seen for so long is forgotten. */
const forgottenMs = 86_400_000

interface AliveOptions {
  readonly connections: Connections
  readonly clock: Clock
  readonly time: DatabaseTime
  readonly grace: boolean
}

/**
 * Signs of life of this replica and what a silence of all of them means: nobody could extend a lease meanwhile, so whoever
 * is back first gives every deadline its length, before anything else is done.
 */
export class Alive {
  readonly #connections: Connections
  readonly #clock: Clock
  readonly #time: DatabaseTime
  /** Whether an outage extends deadlines; not where a test says what time it is. */
  readonly #grace: boolean
  readonly #id = uuidv7()
  #saidAt = Number.NEGATIVE_INFINITY
  #saying: Promise<void> | undefined

  constructor({ connections, clock, time, grace }: AliveOptions) {
    this.#connections = connections
    this.#clock = clock
    this.#time = time
    this.#grace = grace
  }

  /** Resolves at once while the last sign of life is fresh. */
  fresh(): Promise<void> | undefined {
    return this.#clock.monotonic() - this.#saidAt < staleMs ? undefined : this.say()
  }

  /** Calls that come together are one sign of life. */
  say(): Promise<void> {
    this.#saying ??= this.#say().finally(() => {
      this.#saying = undefined
    })
    return this.#saying
  }

  async #say(): Promise<void> {
    await this.#connections.lend(async (lent) => {
      const { rows } = await lent.client.query<{ now: string }>(
        `INSERT INTO replicas AS r (id, host, started_at, seen_at)
         SELECT $1, $2, n.now, n.now FROM (SELECT ${millisecondsNow} AS now) n
         WHERE (SELECT max(seen_at) FROM replicas) > n.now - ${outageMs}
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at RETURNING seen_at AS now`,
        [this.#id, hostname()],
      )
      this.#time.hear(rows[0] ? Number(rows[0].now) : await this.#return(lent))
    })
    this.#saidAt = this.#clock.monotonic()
  }

  /** Nobody was there: the first one back extends the deadlines, the others find its sign of life. */
  async #return(lent: Lent): Promise<number> {
    const { client } = lent
    await client.query(`BEGIN; SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock(${lockNumber('outage')})`)
    try {
      const { rows } = await client.query<{ last: string | null; now: string }>(
        `SELECT (SELECT max(seen_at) FROM replicas) AS last, ${millisecondsNow} AS now`,
      )
      const now = Number(rows[0]?.now)
      const last = Number(rows[0]?.last ?? 0)
      const outage = now - last
      if (this.#grace && last > 0 && outage > outageMs) {
        await extendDeadlines({ db: lent.db, t: postgresTables }, last, outage)
      }
      await client.query('DELETE FROM replicas WHERE seen_at < $1', [now - forgottenMs])
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
