import { existsSync, rmSync } from 'node:fs'
import { open, rename, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { syncFolderOf } from '../file-sync.ts'
import type { DiskSpaceState } from '../store.ts'

const chunk = Buffer.alloc(1_048_576)

/** The settings of the watch on the disk. */
export interface DiskSpaceOptions {
  readonly file: string
  /** Size of the ballast. */
  readonly ballastBytes: number
  /** Returns the bytes of free pages inside the database. */
  readonly spareBytes: () => number
  /** Called before writes are accepted again, with the time at which the disk became full. */
  readonly resume: (since: number) => Promise<void>
  readonly now: () => number
}

/**
 * Watches whether the disk has space for writes. On a full disk SQLite cannot even delete. Deleting
 * the ballast makes space for the retention, which frees more. Until then writes are refused.
 */
export class DiskSpace implements DiskSpaceState {
  readonly #options: DiskSpaceOptions
  readonly #listeners = new Set<(full: boolean) => void>()
  #fullSince: number | undefined
  #checking: Promise<void> | undefined

  constructor(options: DiskSpaceOptions) {
    this.#options = options
  }

  get full(): boolean {
    return this.#fullSince !== undefined
  }

  onChange(listener: (full: boolean) => void): void {
    this.#listeners.add(listener)
  }

  /** Records that a write failed on a full disk, and deletes the ballast. */
  readonly markFull = (): void => {
    rmSync(this.#ballast, { force: true })
    if (this.full) return
    this.#fullSince = this.#options.now()
    this.#notify()
  }

  fullError(): CoordinationError {
    return new CoordinationError('STORAGE_FULL', 'the disk is full: reads work, writes are refused until space is free')
  }

  /**
   * Writes the ballast again if it is missing and the disk has space for it. Accepts writes again
   * once there is enough space. Concurrent calls share one check.
   */
  check(): Promise<void> {
    this.#checking ??= this.#checkNow().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #checkNow(): Promise<void> {
    const { file, ballastBytes, spareBytes, resume } = this.#options
    const hasBallast = existsSync(this.#ballast)
    if (hasBallast && !this.full) return
    const { bavail, bsize } = await statfs(dirname(file))
    const free = bavail * bsize
    const margin = ballastBytes / 2
    if (!hasBallast && free >= ballastBytes + margin) await this.#writeBallast()
    else if (free < margin || (this.full && spareBytes() < margin)) return
    if (this.#fullSince === undefined) return
    await resume(this.#fullSince)
    this.#fullSince = undefined
    this.#notify()
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this.full)
  }

  get #ballast(): string {
    return `${this.#options.file}.ballast`
  }

  /**
   * Written in full, because a sparse file reserves no space. The final name marks a complete file.
   */
  async #writeBallast(): Promise<void> {
    const unfinished = `${this.#ballast}.partial`
    const handle = await open(unfinished, 'w', 0o600)
    try {
      for (let left = this.#options.ballastBytes; left > 0; left -= chunk.length)
        await handle.write(chunk, 0, Math.min(left, chunk.length))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, this.#ballast)
    syncFolderOf(this.#ballast)
  }
}
