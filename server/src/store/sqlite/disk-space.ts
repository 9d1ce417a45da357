import { existsSync, rmSync } from 'node:fs'
import { open, rename, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { syncFolderOf } from '../file-sync.ts'

const chunk = Buffer.alloc(1_048_576)

/** A disk that is full, and how to get out of that. */
export interface DiskSpaceOptions {
  readonly file: string
  /** Size of the file that is given up when the disk is full. */
  readonly ballastBytes: number
  /** Bytes inside the database that hold nothing. */
  readonly spareBytes: () => number
  /** Called before the first write is accepted again, with the moment the last one was. */
  readonly resume: (since: number) => Promise<void>
  readonly now: () => number
}

/**
 * Watches whether there is room to write. On a full disk SQLite can change nothing, not even delete: so a ballast file is held
 * beside the database, and giving it up makes room for the retention that has to free more. Until then writes are refused.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions
  #fullSince: number | undefined
  #checking: Promise<void> | undefined

  constructor(options: DiskSpaceOptions) {
    this.#options = options
  }

  get full(): boolean {
    return this.#fullSince !== undefined
  }

  /** A write found no room. */
  readonly markFull = (): void => {
    this.#fullSince ??= this.#options.now()
    rmSync(this.#ballast, { force: true })
  }

  fullError(): CoordinationError {
    return new CoordinationError('STORAGE_FULL', 'the disk is full: what there is can be read, and nothing is written')
  }

  /** Holds the ballast again and accepts writes again, as far as there is room for both; one at a time. */
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
    if (this.#fullSince !== undefined) await resume(this.#fullSince)
    this.#fullSince = undefined
  }

  get #ballast(): string {
    return `${this.#options.file}.ballast`
  }

  /** Written out: a file with a hole takes no room. It has its name once it is whole. */
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
