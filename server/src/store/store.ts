import type { EventType } from '@tony/mcp-shared/events'
import { type SQL, sql } from 'drizzle-orm'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import type { Tables } from './tables/tables.ts'

/**
 * The query builder operations see. SQLite's types stand for both engines, and as asynchronous ones: nothing outside this
 * folder can call a statement without awaiting it, so nothing stands in a second engine's way.
 */
export type Db = BaseSQLiteDatabase<'async', unknown>

/** What a statement is built from: the builder, the tables, and a placeholder for each parameter. */
export interface Query<P> {
  readonly db: Db
  readonly t: Tables
  readonly p: { readonly [K in keyof P]-?: SQL }
  /** Locks the rows a query finds until the commit, passing over those another transaction holds. */
  skipLocked<T>(query: T): T
  /** Locks the rows a query finds until the commit, waiting for them. */
  locked<T>(query: T): T
  /** Keeps the rows a query finds as they are until the commit, waiting for whoever changes them. */
  shared<T>(query: T): T
}

/**
 * A statement with named parameters, built once for each connection. Building SQL through Drizzle on each call costs about
 * 25 times the statement itself, a prepared one about twice.
 */
export interface Statement<P, R> {
  readonly build: (query: Query<P>) => { execute(values: Record<string, unknown>): Promise<R[]> }
}

export const statement = <P extends object, R>(build: Statement<P, R>['build']): Statement<P, R> => ({ build })

/** A placeholder where the builder takes no SQL: `limit`. */
export const placeholder = (name: string) => sql.placeholder(name)

/** A consistent view for queries. */
export interface Reader {
  readonly db: Db
  readonly t: Tables
  /** The store's time in milliseconds since 1970: the only clock that decides leases, retries and expiry. */
  readonly now: number
  /** Every row the statement returns. */
  run<P extends object, R>(statement: Statement<P, R>, params: P): Promise<R[]>
}

/** An event before the batch gives it its number. */
export interface NewEvent {
  readonly type: EventType
  readonly subject: string | null
  readonly actor: string | null
  readonly taskId?: string | null
  readonly epic?: string | null
  readonly threadId?: string | null
  /** Who may see it; everyone when absent. */
  readonly audience?: readonly string[]
  readonly data: object
}

/** Said after a commit to those who wait. A hint: correctness never depends on one arriving. */
export type Wake =
  | {
      readonly topic: 'tasks'
      readonly project: string
      readonly requires: string
      readonly assignedTo: string
      readonly count: number
    }
  | { readonly topic: 'lease'; readonly agentId: string; readonly taskId: string; readonly attempt: number }
  | {
      readonly topic: 'inbox'
      readonly agentId: string
      /** `mail`: there is something to deliver. `room`: one delivery fewer waits for its ack. */
      readonly reason: 'message' | 'capacity'
    }
  | {
      readonly topic: 'incarnation'
      readonly agentId: string
      readonly incarnation: number
      /** The agent has been unregistered. */
      readonly unregistered?: true
    }
  | {
      /** What an agent may be handed has changed, or with null what everybody in the project may: those who wait try again. */
      readonly topic: 'fleet'
      readonly project: string
      readonly agentId: string | null
    }
  | { readonly topic: 'reply'; readonly requestId: string }
  | {
      readonly topic: 'revoked'
      readonly sessions: readonly string[]
      /** The key that was revoked, where it was one. */
      readonly key?: string
    }
  | { readonly topic: 'events'; readonly project: string }
  /** The store has another epoch: what was read of any feed may not be what it holds. */
  | { readonly topic: 'epoch' }

export interface Transaction extends Reader {
  /**
   * Until the commit, no other transaction of the project gets past the same call: for a rule across rows that no constraint can
   * say. Nothing to do where there is one writer.
   */
  exclusive(what: 'locks' | 'dependencies'): Promise<void>
  /** Appends to the project's feed in this transaction. Numbered at the end of the batch; dies with this operation. */
  append(event: NewEvent): void
  /** Passed on after the commit. */
  wake(wake: Wake): void
}

/**
 * Whose write it is, an agent's by its session or a key's: checked at the end of the batch, so that nothing of a fenced
 * incarnation, a revoked session or a revoked key commits.
 */
export type Fence =
  | { readonly sessionId: string; readonly agentId: string; readonly incarnation: number }
  | { readonly credentialId: string }

export interface Scope {
  readonly project: string
  /** Makes room: tried although the disk is full. */
  readonly freesSpace?: true
  readonly fence?: Fence
  /** The call it is for: goes into the events of the operation, which are the record of who did what. */
  readonly requestId?: string
}

/**
 * The seam: the only place that knows which database it is.
 *
 * `transact` may run `work` more than once and commits it together with others: it must await nothing but statements of its
 * `tx`, and have no effect outside it. The promise settles after the commit.
 */
export interface Store extends AsyncDisposable {
  /** What an acknowledged write survives: `disk` a power cut, `process` a crash of the process. */
  readonly durability: 'disk' | 'process'
  /** Changes when the store is restored from a backup, or a standby takes its place. */
  readonly epoch: string
  /** Random, made with the store and kept in it: signs what this server hands out and must know again. */
  readonly secret: Uint8Array
  /** The store's time, as near as this process knows it without asking. */
  readonly now: () => number
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  transact<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T>
  /** Calls `listener` after each commit with what its operations woke; returns the way to stop. */
  onWake(listener: (wake: Wake) => void): () => void
  isUniqueViolation(error: unknown): boolean
  /** Settles once a newer program has made of the store what this one must not use; from then on nothing is read or written here. */
  readonly outdated?: Promise<Error>
  /** Whether the disk has room, where that is this process's to watch: while it is full, writes are refused with STORAGE_FULL. */
  readonly diskSpace?: { readonly full: boolean; check(): Promise<void> } | undefined
  /** Gives some of the room of removed rows back to the disk, where an engine does not do so by itself; how many pages. */
  readonly reclaimPages?: () => Promise<number>
}
