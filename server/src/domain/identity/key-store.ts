import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { and, eq } from 'drizzle-orm'
import { sleep } from '../../platform/clock.ts'
import { hasErrorCode, replaceFile } from '../../store/file-sync.ts'
import type { Store } from '../../store/store.ts'
import type { Pepper } from './pepper.ts'

/** The storage of the signing keys, as one text. */
export interface KeyStore {
  read(): Promise<string | undefined>
  /**
   * Replaces the text by the result of `edit`. After a concurrent update `edit` gets the newer
   * text.
   */
  update(edit: (current: string | undefined) => string): Promise<string>
}

/**
 * Writers hold this lock for under 1 ms. If it is still there after this number of attempts, its
 * owner was killed.
 */
const maxLockAttempts = 100
const lockPollMs = 20
const neverAborted = new AbortController().signal

/**
 * A file that only its owner can read, for the one server of an SQLite database: the keys never
 * enter the database or a backup. A reader sees the old text or the new one. The file `.new` beside
 * it is the lock of an update.
 */
export class FileKeyStore implements KeyStore {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    if (existsSync(file)) chmodSync(file, 0o600)
  }

  async read(): Promise<string | undefined> {
    return this.#readFile()
  }

  async update(edit: (now: string | undefined) => string): Promise<string> {
    const lockFile = `${this.#file}.new`
    await this.#lock(lockFile)
    try {
      const text = edit(this.#readFile())
      replaceFile(this.#file, text)
      return text
    } finally {
      rmSync(lockFile, { force: true })
    }
  }

  async #lock(lockFile: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return writeFileSync(lockFile, '', { mode: 0o600, flag: 'wx' })
      } catch (error) {
        if (!hasErrorCode(error, 'EEXIST')) throw error
      }
      if (attempt > maxLockAttempts) rmSync(lockFile, { force: true })
      else await sleep(lockPollMs, neverAborted)
    }
  }

  #readFile(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8')
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return undefined
      throw error
    }
  }
}

const factName = 'signing keys'

/**
 * A row of the database that replicas share, sealed with their common pepper. The row or the pepper
 * alone reveals no key.
 */
export class DatabaseKeyStore implements KeyStore {
  readonly #store: Store
  readonly #pepper: Pepper

  constructor(store: Store, pepper: Pepper) {
    this.#store = store
    this.#pepper = pepper
  }

  async read(): Promise<string | undefined> {
    const sealed = await this.#readSealed()
    return sealed === undefined ? undefined : this.#pepper.unseal(factName, sealed)
  }

  async update(edit: (now: string | undefined) => string): Promise<string> {
    for (;;) {
      const before = await this.#readSealed()
      const text = edit(before === undefined ? undefined : this.#pepper.unseal(factName, before))
      if (await this.#replace(before, this.#pepper.seal(factName, text))) return text
    }
  }

  async #readSealed(): Promise<string | undefined> {
    const [row] = await this.#store.read(({ db, t: { storeFacts: f } }) =>
      db.select({ value: f.value }).from(f).where(eq(f.name, factName)),
    )
    return row?.value
  }

  #replace(before: string | undefined, value: string): Promise<boolean> {
    return this.#store.transact({ project: '' }, async ({ db, t: { storeFacts: f } }) => {
      const rows =
        before === undefined
          ? await db.insert(f).values({ name: factName, value }).onConflictDoNothing().returning()
          : await db
              .update(f)
              .set({ value })
              .where(and(eq(f.name, factName), eq(f.value, before)))
              .returning()
      return rows.length > 0
    })
  }
}
