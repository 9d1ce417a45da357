import { type BigIntStats, stat, statSync } from 'node:fs'
import type { Clock } from '../../platform/clock.ts'
import { hasErrorCode } from '../file-sync.ts'
import { resolveDatabaseFile } from './file-lock.ts'

const intervalMs = 1_000
const statOptions = { bigint: true, throwIfNoEntry: false } as const

/** A file of the open database is no longer at its path. */
export class DatabaseFileLostError extends Error {
  override readonly name = 'DatabaseFileLostError'
}

interface FileWatchOptions {
  readonly file: string
  readonly clock: Clock
  readonly onLost: (error: DatabaseFileLostError) => void
}

/** A file is the same one as long as its disk and its number on it are. */
interface FileIdentity {
  readonly dev: bigint
  readonly ino: bigint
}

/**
 * Compares the files at the paths of an open database with those that SQLite has open. After a
 * rename or a deletion SQLite goes on writing to files that no other process and no next start can
 * find. The watch reads only their status: a descriptor that this process closes would take the
 * locks of SQLite along.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #identities: ReadonlyMap<string, FileIdentity>
  #cancel: () => void = () => undefined
  #isStopped = false

  /** Watches the files that exist now: SQLite creates them with its first transaction. */
  constructor(options: FileWatchOptions) {
    this.#options = options
    const { file } = options
    const real = resolveDatabaseFile(file)
    const paths = [file, `${real}-wal`, `${real}-shm`, `${real}.lock`]
    this.#identities = new Map(
      paths.flatMap((path) => {
        const identity = statSync(path, statOptions)
        return identity ? [[path, identity]] : []
      }),
    )
  }

  start(): void {
    this.#cancel = this.#options.clock.timer(intervalMs, () => this.#checkEach([...this.#identities]))
  }

  stop(): void {
    this.#cancel()
    // A check may be on its way, and the files go with the last connection.
    this.#isStopped = true
  }

  /** Compares the files now. Returns the error if one is lost. */
  findLost(): DatabaseFileLostError | undefined {
    for (const [path, identity] of this.#identities) {
      const found = statSync(path, statOptions)
      if (!(found && isSameFile(found, identity))) return lostError(path)
    }
    return undefined
  }

  /** Checks one file after another: a disk that does not answer holds one thread of the pool. */
  #checkEach([first, ...rest]: readonly (readonly [string, FileIdentity])[]): void {
    if (!first) return this.start()
    const [path, identity] = first
    stat(path, { bigint: true }, (error, found) => {
      if (this.#isStopped) return
      // Another error, such as a folder that may not be read, tells nothing about the file.
      const isLost = error
        ? hasErrorCode(error, 'ENOENT') || hasErrorCode(error, 'ENOTDIR')
        : !isSameFile(found, identity)
      if (isLost) return this.#options.onLost(lostError(path))
      this.#checkEach(rest)
    })
  }
}

const isSameFile = ({ dev, ino }: BigIntStats, identity: FileIdentity): boolean =>
  dev === identity.dev && ino === identity.ino

const lostError = (path: string): DatabaseFileLostError =>
  new DatabaseFileLostError(
    `${path} is not the file that this server has open: it was moved, replaced or deleted. The server ends at once, because further writes would be lost. Put the database and its -wal back together, or restore a backup, and start again`,
  )
