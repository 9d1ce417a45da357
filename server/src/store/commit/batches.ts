import type { CoordinationError } from '@tony/mcp-shared/errors'
import type { NewEvent, Reader, Scope, Transaction, Wake } from '../store.ts'
import { appendEvents, type Numbered, type OwnEvent } from './append-events.ts'
import { type Ending, fencedIn } from './endings.ts'
import { type End, endsOf } from './fences.ts'
import { Lanes } from './lanes.ts'

/** What an engine does for a batch; the rest is the same for all. */
export interface Connection extends Reader {
  begin(project: string): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  savepoint(): Promise<void>
  release(): Promise<void>
  /** False when the error of the operation has ended the transaction by itself. Throws when something else has. */
  rollbackToSavepoint(): Promise<boolean>
  exclusive(what: string): Promise<void>
}

/** A database as the batches see it. */
export interface Engine {
  /** Batches of one lane run one after another. */
  laneOf(project: string): string
  /** Lends a connection until `work` is over. */
  withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  /** Whether the error is that of meeting others, and the same work may succeed when it is done again. */
  isTransient(error: unknown): boolean
  /** Whether the error says that nothing was done, because the transaction could not begin. */
  hasNotBegun(error: unknown): boolean
  /**
   * Begins to count the time in which a batch may begin another operation; the returned function says whether it is over. Absent
   * where nobody else waits for the turn.
   */
  readonly turn?: () => () => boolean
  /** The engine's error as one of ours, where it is one. */
  translate(error: unknown): unknown
}

export interface Waiting {
  readonly scope: Scope
  readonly work: (tx: Transaction) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** What the operations of a batch that succeeded leave for its end. */
interface Gathered {
  readonly events: OwnEvent[]
  readonly wakes: Wake[]
  readonly endings: Map<End['what'], Ending<Waiting>>
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/** What a commit told: whom it woke, and which events it wrote. */
export interface Committed {
  readonly project: string
  readonly wakes: readonly Wake[]
  readonly numbered: Numbered | undefined
}

/** How often work of its own is done again that met others. */
const retryLimit = 5

/**
 * Group commit: operations that wait share one transaction, a savepoint each, and are answered after its commit. With an
 * fsync at each commit this is what makes durable writes cheap: at 50 operations a batch a row costs 6.5 µs instead of 213.
 */
export class Batches {
  readonly #engine: Engine
  readonly #onCommit: (committed: Committed) => void
  readonly #lanes: Lanes<Waiting>

  constructor(engine: Engine, onCommit: (committed: Committed) => void) {
    this.#engine = engine
    this.#onCommit = onCommit
    this.#lanes = new Lanes(
      (project) => engine.laneOf(project),
      (batch) => this.#commit(batch, 0),
    )
  }

  transact<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // The batch hands each operation its own result; only the type of the shared list cannot say so.
      this.#lanes.enter({ scope, work, resolve: resolve as (value: unknown) => void, reject })
    })
  }

  /** Refuses new work and waits until what was accepted has committed. */
  close(): Promise<void> {
    return this.#lanes.close()
  }

  async #commit(batch: readonly Waiting[], tries: number): Promise<void> {
    try {
      const left = await this.#engine.withConnection((connection) => this.#commitOn(connection, batch))
      if (left.length > 0) await this.#commit(left, 0)
    } catch (error) {
      if (this.#engine.hasNotBegun(error) && tries < retryLimit) return this.#commit(batch, tries + 1)
      if (this.#engine.isTransient(error) && tries < retryLimit) {
        // Singly: whoever met others now holds few locks, and not for long.
        for (const item of batch) await this.#commit([item], tries + 1)
        return
      }
      const translated = this.#engine.translate(error)
      for (const item of batch) item.reject(translated)
    }
  }

  async #commitOn(connection: Connection, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const outcomes = new Map<Waiting, Outcome>()
    let admitted = batch
    let guarded = false
    let left: readonly Waiting[] = []
    for (;;) {
      const attempt = await this.#attempt(connection, admitted, guarded)
      if (!attempt) {
        guarded = true
        continue
      }
      if (attempt.left.length > 0) {
        left = [...attempt.left, ...left]
        admitted = admitted.slice(0, -attempt.left.length)
      }
      if (attempt.fenced.size === 0) {
        for (const [item, outcome] of attempt.outcomes) outcomes.set(item, outcome)
        this.#onCommit({ project: batch[0]?.scope.project ?? '', wakes: attempt.wakes, numbered: attempt.numbered })
        break
      }
      // Nothing of a fenced incarnation commits: the batch runs again without it.
      for (const [item, error] of attempt.fenced) outcomes.set(item, { ok: false, error })
      admitted = admitted.filter((item) => !attempt.fenced.has(item))
    }
    for (const [item, outcome] of outcomes) {
      if (outcome.ok) item.resolve(outcome.value)
      else item.reject(outcome.error)
    }
    return left
  }

  /**
   * Runs a batch and commits it. The first time without savepoints, which cost as much as a statement each: where an
   * operation of several fails it is undefined, nothing has happened, and the batch runs again with one around each.
   */
  async #attempt(connection: Connection, batch: readonly Waiting[], guarded: boolean) {
    const outcomes = new Map<Waiting, Outcome>()
    const gathered: Gathered = { events: [], wakes: [], endings: new Map() }
    const { events, wakes, endings } = gathered
    let fenced = new Map<Waiting, CoordinationError>()
    const project = batch[0]?.scope.project
    const nothing: readonly Waiting[] = []
    if (project === undefined) return { outcomes, wakes, fenced, numbered: undefined, left: nothing }
    await connection.begin(project)
    try {
      const isOver = this.#engine.turn?.() ?? (() => false)
      let begun = 0
      for (const item of batch) {
        if (begun > 0 && isOver()) break
        begun += 1
        const outcome = await this.#operate(connection, item, gathered, guarded)
        if (!(outcome.ok || guarded)) {
          await connection.rollback()
          if (batch.length > 1) return undefined
          return { outcomes: outcomes.set(item, outcome), wakes, fenced, numbered: undefined, left: nothing }
        }
        outcomes.set(item, outcome)
      }
      const left = batch.slice(begun)
      fenced = await fencedIn(connection, batch.slice(0, begun), endings)
      if (fenced.size > 0) {
        await connection.rollback()
        return { outcomes, wakes, fenced, numbered: undefined, left }
      }
      const numbered = events.length > 0 ? await appendEvents(connection, project, events) : undefined
      if (numbered) wakes.push({ topic: 'events', project })
      await connection.commit()
      return { outcomes, wakes, fenced, numbered, left }
    } catch (error) {
      await connection.rollback()
      throw error
    }
  }

  async #operate(connection: Connection, item: Waiting, gathered: Gathered, guarded: boolean): Promise<Outcome> {
    const { events, wakes, endings } = gathered
    const ownEvents: NewEvent[] = []
    const ownWakes: Wake[] = []
    if (guarded) await connection.savepoint()
    try {
      const value = await item.work({
        db: connection.db,
        t: connection.t,
        now: connection.now,
        run: connection.run,
        exclusive: (what) => connection.exclusive(what),
        append: (event) => ownEvents.push(event),
        wake: (wake) => ownWakes.push(wake),
      })
      if (guarded) await connection.release()
      events.push(...ownEvents.map((event) => ({ event, scope: item.scope })))
      wakes.push(...ownWakes)
      for (const end of ownWakes.flatMap(endsOf)) {
        if (!endings.has(end.what)) endings.set(end.what, { by: item, end })
      }
      return { ok: true, value }
    } catch (error) {
      // Not the operation's own: all that shared the transaction are to be done again.
      if (this.#engine.isTransient(error)) throw error
      // An error that has ended the transaction, as a full disk does, is that of every operation in it.
      if (guarded && !(await connection.rollbackToSavepoint())) throw error
      return { ok: false, error: this.#engine.translate(error) }
    }
  }
}
