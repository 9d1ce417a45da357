import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { and, eq } from 'drizzle-orm'
import { pause } from '../../platform/clock.ts'
import type { Store } from '../../store/store.ts'
import type { Pepper } from './pepper.ts'

/** Where the signing keys are, as one text. */
export interface KeyChest {
  read(): Promise<string | undefined>
  /** Replaces the text by what `edit` makes of it, unless somebody else did so meanwhile: then `edit` gets theirs. */
  change(edit: (now: string | undefined) => string): Promise<string>
}

/** Who writes holds the lock for less than a millisecond: one that is there after so many looks is of a process that was killed. */
const looks = 100
const lookMs = 20
const neverEarly = new AbortController().signal

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/**
 * A file only its owner can read, for the one server of a SQLite database: the keys never enter the database or a backup.
 * Written beside and renamed into its place, so that a reader sees the old or the new; the file beside is the lock.
 */
export class FileChest implements KeyChest {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    if (existsSync(file)) chmodSync(file, 0o600)
  }

  async read(): Promise<string | undefined> {
    return this.#text()
  }

  async change(edit: (now: string | undefined) => string): Promise<string> {
    const beside = `${this.#file}.new`
    await this.#lock(beside)
    try {
      const text = edit(this.#text())
      writeFileSync(beside, text, { flush: true })
      renameSync(beside, this.#file)
      return text
    } finally {
      rmSync(beside, { force: true })
    }
  }

  async #lock(beside: string): Promise<void> {
    for (let look = 1; ; look += 1) {
      try {
        return writeFileSync(beside, '', { mode: 0o600, flag: 'wx' })
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error
      }
      if (look > looks) rmSync(beside, { force: true })
      else await pause(lookMs, neverEarly)
    }
  }

  #text(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8')
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    }
  }
}

const fact = 'signing keys'

/** A row of the database that replicas share, sealed with the pepper they share too: neither of the two alone gives a key. */
export class StoreChest implements KeyChest {
  readonly #store: Store
  readonly #pepper: Pepper

  constructor(store: Store, pepper: Pepper) {
    this.#store = store
    this.#pepper = pepper
  }

  async read(): Promise<string | undefined> {
    const sealed = await this.#sealed()
    return sealed === undefined ? undefined : this.#pepper.unseal(fact, sealed)
  }

  async change(edit: (now: string | undefined) => string): Promise<string> {
    for (;;) {
      const before = await this.#sealed()
      const text = edit(before === undefined ? undefined : this.#pepper.unseal(fact, before))
      if (await this.#replace(before, this.#pepper.seal(fact, text))) return text
    }
  }

  async #sealed(): Promise<string | undefined> {
    const [row] = await this.#store.read(({ db, t: { storeFacts: f } }) =>
      db.select({ value: f.value }).from(f).where(eq(f.name, fact)),
    )
    return row?.value
  }

  #replace(before: string | undefined, value: string): Promise<boolean> {
    return this.#store.transact({ project: '' }, async ({ db, t: { storeFacts: f } }) => {
      const rows =
        before === undefined
          ? await db.insert(f).values({ name: fact, value }).onConflictDoNothing().returning()
          : await db
              .update(f)
              .set({ value })
              .where(and(eq(f.name, fact), eq(f.value, before)))
              .returning()
      return rows.length > 0
    })
  }
}
